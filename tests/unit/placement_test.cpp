#include "worker/placement.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "temporary_folder.hpp"

namespace pml::worker {
namespace {

using Numbers = std::set<int>;

Numbers open_now() {
  const std::vector<int> numbers = open_descriptors();
  return {numbers.begin(), numbers.end()};
}

/// Files that tell themselves apart by their inodes.
class Placement : public testing::Test {
 protected:
  base::UniqueFd file(const std::string& name) const {
    return {base::k_adopt, ::open(folder_.write(name, name).c_str(), O_RDONLY | O_CLOEXEC)};
  }
  [[nodiscard]] bool is_at(const std::string& name, int number) const {
    struct stat wanted = {};
    struct stat found = {};
    return ::stat((folder_ / name).c_str(), &wanted) == 0 && ::fstat(number, &found) == 0 &&
           wanted.st_ino == found.st_ino;
  }
  /// In a process of its own, whose descriptors may go. True where `holds` is true there.
  static bool apart(const std::function<bool()>& holds) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(holds() ? 0 : 1);
    int status = -1;
    return ::waitpid(child, &status, 0) == child && status == 0;
  }

  test::TemporaryFolder folder_;
};

TEST_F(Placement, GivesEachItsNumberAndNothingElseStays) {
  EXPECT_TRUE(apart([&] {
    std::vector<base::UniqueFd> files;
    files.push_back(file("a"));
    files.push_back(file("b"));
    const std::vector<std::int32_t> numbers = {0, 40};
    return place_all(files, numbers, {}, {}) == 0 && is_at("a", 0) && is_at("b", 40) &&
           open_now() == Numbers{0, 40};
  }));
}

TEST_F(Placement, NumbersThatStandInEachOthersWayAreExchanged) {
  EXPECT_TRUE(apart([&] {
    std::vector<base::UniqueFd> files;
    files.push_back(file("a"));
    files.push_back(file("b"));
    const std::vector<std::int32_t> numbers = {files[1].get(), files[0].get()};
    return place_all(files, numbers, {}, {}) == 0 && is_at("a", numbers[0]) &&
           is_at("b", numbers[1]) && open_now() == Numbers(numbers.begin(), numbers.end());
  }));
}

TEST_F(Placement, WhatIsKeptMovesOutOfTheWay) {
  EXPECT_TRUE(apart([&] {
    base::UniqueFd link = file("link");
    std::vector<base::UniqueFd> files;
    files.push_back(file("a"));
    const std::vector<std::int32_t> numbers = {link.get()};
    base::UniqueFd* const keep[] = {&link};
    return place_all(files, numbers, keep, {}) == 0 && is_at("a", numbers[0]) &&
           link.get() != numbers[0] && is_at("link", link.get()) &&
           open_now() == Numbers{numbers[0], link.get()};
  }));
}

TEST_F(Placement, WhatIsKeptMayBeNoneAtAll) {
  EXPECT_TRUE(apart([&] {
    base::UniqueFd none;
    base::UniqueFd* const keep[] = {&none};
    return place_all({}, {}, keep, {}) == 0 && !none.valid() && open_now().empty();
  }));
}

TEST_F(Placement, FixedNumbersAreLeftAlone) {
  EXPECT_TRUE(apart([&] {
    const int fixed[] = {file("fixed").release()};
    std::vector<base::UniqueFd> files;
    files.push_back(file("a"));
    const std::vector<std::int32_t> numbers = {60};
    return place_all(files, numbers, {}, fixed) == 0 && is_at("fixed", fixed[0]) &&
           open_now() == Numbers{fixed[0], 60};
  }));
}

TEST_F(Placement, AFixedNumberThatIsWantedIsAFailureThatChangesNothing) {
  base::UniqueFd fixed = file("fixed");
  std::vector<base::UniqueFd> files;
  files.push_back(file("a"));
  const Numbers before = open_now();
  const std::vector<std::int32_t> numbers = {fixed.get()};
  const int numbers_fixed[] = {fixed.get()};
  EXPECT_EQ(place_all(files, numbers, {}, numbers_fixed), EEXIST);
  EXPECT_EQ(open_now(), before);
}

TEST_F(Placement, NegativeNumbersAreTheirOwners) {
  EXPECT_TRUE(apart([&] {
    std::vector<base::UniqueFd> files;
    files.push_back(file("folder"));
    files.push_back(file("a"));
    const std::vector<std::int32_t> numbers = {-1, 5};
    return place_all(files, numbers, {}, {}) == 0 && files[0].valid() &&
           is_at("folder", files[0].get()) && is_at("a", 5) &&
           open_now() == Numbers{files[0].get(), 5};
  }));
}

TEST_F(Placement, PlacedOnesSurviveAnExec) {
  EXPECT_TRUE(apart([&] {
    std::vector<base::UniqueFd> files;
    files.push_back(file("a"));
    const std::vector<std::int32_t> numbers = {7};
    return place_all(files, numbers, {}, {}) == 0 && (::fcntl(7, F_GETFD) & FD_CLOEXEC) == 0;
  }));
}

TEST_F(Placement, OpenDescriptorsAreThoseAndNotTheListsOwn) {
  const base::UniqueFd one = file("a");
  const Numbers with = open_now();
  EXPECT_TRUE(with.contains(one.get()));
  EXPECT_EQ(open_now(), with);
}

}  // namespace
}  // namespace pml::worker
