#include "cold/launch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/python_search.hpp"
#include "temporary_folder.hpp"

namespace pml::cold {
namespace {

using test::ScopedVariable;
using test::TemporaryFolder;

TEST(Cold, TheProfileSaysWhichInterpreterAndPath) {
  const TemporaryFolder folder;
  folder.write("a.toml", "[python]\ninterpreter = '/x/python3'\npath = ['/p', '/q']\n");
  folder.write("b.toml", "description = 'b'\n");
  const Launch a = prepare("a", {folder.path()}, "/mine");
  EXPECT_EQ(a.complaint, "");
  EXPECT_EQ(a.interpreter, "/x/python3");
  EXPECT_EQ(a.python_path, "/p:/q:/mine");
  const Launch b = prepare("b", {folder.path()}, "/mine");
  EXPECT_EQ(b.interpreter, "/usr/bin/python3");
  EXPECT_FALSE(b.python_path.has_value());
}

TEST(Cold, WithoutAnyFileDefaultIsTheSystemsPython) {
  const TemporaryFolder folder;
  EXPECT_EQ(prepare("default", {folder.path()}, nullptr).interpreter, "/usr/bin/python3");
}

TEST(Cold, AVariableChoosesTheInterpreterOfProfilesThatNameNone) {
  const TemporaryFolder folder;
  folder.write("a.toml", "[python]\ninterpreter = '/x/python3'\n");
  const ScopedVariable chosen("PML_PYTHON", "/y/python3");
  EXPECT_EQ(prepare("default", {folder.path()}, nullptr).interpreter, "/y/python3");
  EXPECT_EQ(prepare("a", {folder.path()}, nullptr).interpreter, "/x/python3");
  const ScopedVariable relative("PML_PYTHON", "python3.12");
  const Launch launch = prepare("default", {folder.path()}, nullptr);
  EXPECT_EQ(launch.interpreter, "");
  EXPECT_EQ(
      launch.complaint,
      "\"python.interpreter\": the variable PML_PYTHON is \"python3.12\", not an absolute path");
  EXPECT_EQ(prepare("a", {folder.path()}, nullptr).complaint, "");
  const ScopedVariable none("PML_PYTHON", "");
  EXPECT_EQ(prepare("default", {folder.path()}, nullptr).interpreter, "/usr/bin/python3");
}

TEST(Cold, OfAProfileThatIsNotThereNothingIsKnown) {
  const TemporaryFolder folder;
  const Launch launch = prepare("other", {folder.path()}, nullptr);
  EXPECT_EQ(launch.complaint,
            "profile \"other\" not found (looked in " + folder.path() + "); see pmlctl list");
  EXPECT_EQ(launch.interpreter, "");
}

TEST(Cold, OfABadProfileCountsWhatIsRight) {
  const TemporaryFolder folder;
  const std::string file = folder.write(
      "a.toml",
      "[python]\ninterpreter = '/x/python3'\npath = ['/p', '$NOT_SET/q']\n[pool]\nworkers = 0\n");
  const Launch launch = prepare("a", {folder.path()}, nullptr);
  EXPECT_EQ(launch.complaint.find(file + ":3:15: "), 0U) << launch.complaint;
  EXPECT_EQ(launch.interpreter, "/x/python3");
  EXPECT_EQ(launch.python_path, "/p");
}

TEST(Cold, AWrongDropInLeavesTheProfilesInterpreter) {
  const TemporaryFolder folder;
  folder.write("a.toml", "description = 'a'\n");
  for (const char* text : {"[pool]\nwokers = 3\n", "no toml", "[python]\npath = ['$NOT_SET']\n"}) {
    const std::string file = folder.write("a.toml.d/50-x.toml", text);
    const Launch launch = prepare("a", {folder.path()}, nullptr);
    EXPECT_EQ(launch.complaint.find(file), 0U) << launch.complaint;
    EXPECT_EQ(launch.interpreter, "/usr/bin/python3") << text;
  }
}

TEST(Cold, AnInterpreterThatMayHaveBeenMeantIsNotReplacedByTheDefault) {
  const TemporaryFolder folder;
  for (const char* text :
       {"[python]\ninterpreter = 3\n", "[python]\ninterpreter = '$NOT_SET/python3'\n",
        "[python]\ninterpreer = '/x/python3'\n", "[python\ninterpreter = '/x'\n"}) {
    folder.write("a.toml", text);
    const Launch launch = prepare("a", {folder.path()}, nullptr);
    EXPECT_NE(launch.complaint, "") << text;
    EXPECT_EQ(launch.interpreter, "") << text;
  }
}

TEST(Cold, PmlIsRecognisedByNameAndByFile) {
  const TemporaryFolder folder;
  const std::string pml = folder.write("bin/pml", "x");
  const std::string other = folder.write("bin/other", "x");
  std::filesystem::create_symlink("pml", folder / "bin/python3");
  std::filesystem::create_hard_link(pml, folder / "bin/hard");
  EXPECT_TRUE(base::is_pml(pml, {}));
  EXPECT_TRUE(base::is_pml(folder / "bin/python3", {}));
  EXPECT_TRUE(base::is_pml(folder / "bin/hard", {pml}));
  EXPECT_FALSE(base::is_pml(other, {pml}));
  EXPECT_FALSE(base::is_pml(folder / "bin/missing", {pml}));
  EXPECT_FALSE(base::is_pml("/usr/bin/python3", {pml}));
}

TEST(Cold, TheFirstPythonOfPathThatIsNotPml) {
  const TemporaryFolder folder;
  const std::string pml = folder.write("bin/pml", "x");
  for (const char* name : {"first/python3", "second/python3", "third/python3"})
    std::filesystem::permissions(folder.write(name, "x"), std::filesystem::perms::owner_all);
  std::filesystem::permissions(folder / "first/python3", std::filesystem::perms::owner_read);
  std::filesystem::remove(folder / "second/python3");
  std::filesystem::create_symlink("../bin/pml", folder / "second/python3");
  const std::string path = folder / "nothing" + ":" + folder / "first" + ":" + folder / "second" +
                           ":" + folder / "third";
  EXPECT_EQ(base::find_python3(path.c_str(), {}), folder / "third/python3");
  EXPECT_EQ(base::find_python3((folder / "second").c_str(), {pml}), "");
  EXPECT_EQ(base::find_python3("", {}), "");
  EXPECT_NE(base::find_python3(nullptr, {}), "");
}

}  // namespace
}  // namespace pml::cold
