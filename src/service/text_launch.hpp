#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "service/client.hpp"
#include "service/own_context.hpp"
#include "service/text_dialect.hpp"

namespace pml::service {

/// Makes real requests of those of the text dialect: the service's environment and limits, the
/// peer's working folder, standard input from /dev/null, output to the journal.
class TextLauncher {
 public:
  TextLauncher(const OwnContext& context, RequestTaker& taker, std::string journal_name);

  /// Submits `wanted` for `client`, or answers with what is wrong.
  void launch(Client client, const TextRequest& wanted);

 private:
  [[nodiscard]] base::UniqueFd output() const;

  const OwnContext& context_;
  RequestTaker& taker_;
  std::string journal_name_;
};

}  // namespace pml::service
