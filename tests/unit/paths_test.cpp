#include "base/paths.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "temporary_folder.hpp"

namespace pml::base {
namespace {

using test::ScopedVariable;
using test::TemporaryFolder;

TEST(Paths, TheRuntimeFolderIsTheVariableWhereItIsAbsolute) {
  const std::string fallback = "/run/user/" + std::to_string(::getuid());
  const struct {
    const char* value;
    std::string expected;
  } cases[] = {
      {"/run/some", "/run/some"}, {"", fallback}, {"relative", fallback}, {nullptr, fallback}};
  for (const auto& item : cases) {
    const ScopedVariable variable("XDG_RUNTIME_DIR", item.value);
    EXPECT_EQ(runtime_folder(), item.expected);
    EXPECT_EQ(socket_path("qt"), item.expected + "/pml/qt.sock");
  }
}

TEST(Paths, ProfilesAreLookedForInTheUsersFolderFirst) {
  const ScopedVariable home("HOME", "/home/someone");
  {
    const ScopedVariable config("XDG_CONFIG_HOME", "/elsewhere");
    ASSERT_EQ(profile_folders().size(), 3U);
    EXPECT_EQ(profile_folders()[0], "/elsewhere/pml/profiles");
    EXPECT_EQ(profile_folders()[1], "/etc/pml/profiles");
  }
  const ScopedVariable config("XDG_CONFIG_HOME", nullptr);
  EXPECT_EQ(profile_folders()[0], "/home/someone/.config/pml/profiles");
}

TEST(Paths, WithoutAHomeOnlyTheSystemsFoldersAreLookedIn) {
  const ScopedVariable home("HOME", nullptr);
  const ScopedVariable config("XDG_CONFIG_HOME", nullptr);
  EXPECT_EQ(profile_folders().size(), 2U);
  EXPECT_EQ(home_folder(), "");
}

TEST(Paths, ProfileNames) {
  for (const char* name : {"default", "qt", "a", "A-b_c.d@e", "1"})
    EXPECT_TRUE(valid_profile_name(name)) << name;
  EXPECT_TRUE(valid_profile_name(std::string(64, 'x')));
  for (const char* name : {"", ".", "..", ".hidden", "-p", "a/b", "../x", "a b", "a\n", "\xc3\xa4"})
    EXPECT_FALSE(valid_profile_name(name)) << name;
  EXPECT_FALSE(valid_profile_name(std::string(65, 'x')));
}

TEST(Paths, APrivateFolderIsMadeWithItsParents) {
  const TemporaryFolder folder;
  const std::string path = folder / "a/b/c";
  EXPECT_FALSE(prepare_private_folder(path));
  EXPECT_FALSE(prepare_private_folder(path)) << "the second time it exists";
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
}

TEST(Paths, AFolderThatOthersMayWriteIsRefused) {
  const TemporaryFolder folder;
  for (const mode_t mode : {0777, 0770, 0702}) {
    const std::string path = folder / std::to_string(mode);
    ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_TRUE(prepare_private_folder(path)) << mode;
  }
}

TEST(Paths, AFileOrALinkInTheWayIsRefused) {
  const TemporaryFolder folder;
  folder.write("file", "");
  std::filesystem::create_symlink(folder.path(), folder / "link");
  EXPECT_TRUE(prepare_private_folder(folder / "file"));
  EXPECT_TRUE(prepare_private_folder(folder / "link"));
  EXPECT_TRUE(prepare_private_folder(folder / "file/below"));
}

}  // namespace
}  // namespace pml::base
