#include "zygote/ahead/end.hpp"

#include <unistd.h>
#include <csignal>
#include <cstdlib>

#include "worker/finish.hpp"
#include "zygote/ahead/course.hpp"

namespace pml::zygote::ahead {

void end(const worker::Outcome& outcome) {
  worker::finish_whole(outcome, course().end_report);
}

}  // namespace pml::zygote::ahead
