#include "service/unfit.hpp"

#include "base/python_abi.hpp"

namespace pml::service {

std::string unfit_sentence(const std::string& interpreter, const wire::Event& event) {
  const std::string remedy = ": pmlctl python add " + interpreter;
  if (event.value != 0)
    return "pml cannot use " + interpreter + ": " + std::string(event.text) +
           (event.text.find("does not serve") == std::string_view::npos ? remedy : "");
  if (const auto why = base::unserved_abi(event.name))
    return "pml cannot use " + interpreter + ": it " + *why;
  if (!event.text.empty())
    return "pml's module for " + interpreter + " cannot be loaded (" + std::string(event.text) +
           "); make it anew" + remedy;
  return "pml was not built for " + interpreter + " (" + std::string(event.name) +
         "); make its module" + remedy + ", or build pml with -Dinterpreters=" + interpreter;
}

}  // namespace pml::service
