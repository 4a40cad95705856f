#include "service/profile_path.hpp"

#include <gtest/gtest.h>

namespace pml::service {
namespace {

using Words = std::vector<std::string_view>;

Words environment_with(const Words& before, std::string& keep) {
  wire::Request request;
  request.environment = before;
  profile::Profile profile;
  profile.path = {"/a", "/b"};
  const PathedRequest pathed(request, profile);
  keep = pathed.body();
  return wire::decode_request(keep)->environment;
}

TEST(ProfilePath, StandsInFrontOfTheCallers) {
  std::string keep;
  EXPECT_EQ(environment_with({"A=1", "PYTHONPATH=/x:/y", "B=2"}, keep),
            (Words{"A=1", "PYTHONPATH=/a:/b:/x:/y", "B=2"}));
  EXPECT_EQ(environment_with({"A=1"}, keep), (Words{"A=1", "PYTHONPATH=/a:/b"}));
  EXPECT_EQ(environment_with({"PYTHONPATH="}, keep), (Words{"PYTHONPATH=/a:/b"}));
}

}  // namespace
}  // namespace pml::service
