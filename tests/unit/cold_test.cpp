#include "cold/launch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "temporary_folder.hpp"

namespace pml::cold {
namespace {

using test::TemporaryFolder;

TEST(Cold, TheProfileSaysWhichInterpreterAndPath) {
  const TemporaryFolder folder;
  folder.write("a.toml", "[python]\ninterpreter = '/x/python3'\npath = ['/p', '/q']\n");
  folder.write("b.toml", "description = 'b'\n");
  const Launch a = prepare("a", {folder.path()}, "/mine");
  EXPECT_EQ(a.error, "");
  EXPECT_EQ(a.interpreter, "/x/python3");
  EXPECT_EQ(a.python_path, "/p:/q:/mine");
  const Launch b = prepare("b", {folder.path()}, "/mine");
  EXPECT_EQ(b.interpreter, "/usr/bin/python3");
  EXPECT_FALSE(b.python_path.has_value());
}

TEST(Cold, WithoutAnyFileDefaultIsTheSystemsPython) {
  const TemporaryFolder folder;
  EXPECT_EQ(prepare("default", {folder.path()}, nullptr).interpreter, "/usr/bin/python3");
  EXPECT_EQ(prepare("other", {folder.path()}, nullptr).error,
            "profile \"other\" not found (looked in " + folder.path() + ")");
}

TEST(Cold, ABadProfileIsExplained) {
  const TemporaryFolder folder;
  const std::string file = folder.write("a.toml", "[pool]\nworkers = 0\n");
  EXPECT_EQ(prepare("a", {folder.path()}, nullptr).error,
            file + ":2:11: \"pool.workers\" must be between 1 and 1000, not 0");
}

TEST(Cold, PmlIsRecognisedByNameAndByFile) {
  const TemporaryFolder folder;
  const std::string pml = folder.write("bin/pml", "x");
  const std::string other = folder.write("bin/other", "x");
  std::filesystem::create_symlink("pml", folder / "bin/python3");
  std::filesystem::create_hard_link(pml, folder / "bin/hard");
  EXPECT_TRUE(is_pml(pml, {}));
  EXPECT_TRUE(is_pml(folder / "bin/python3", {}));
  EXPECT_TRUE(is_pml(folder / "bin/hard", {pml}));
  EXPECT_FALSE(is_pml(other, {pml}));
  EXPECT_FALSE(is_pml(folder / "bin/missing", {pml}));
  EXPECT_FALSE(is_pml("/usr/bin/python3", {pml}));
}

TEST(Cold, AnInterpreterThatIsNotThereIsNamed) {
  Launch launch;
  launch.interpreter = "/nowhere/python3";
  char* const none[] = {nullptr};
  EXPECT_EQ(execute(launch, none),
            "cannot execute the interpreter /nowhere/python3: No such file or directory");
}

}  // namespace
}  // namespace pml::cold
