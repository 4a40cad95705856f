#pragma once

#include <functional>
#include <string>

#include "worker/process_facts.hpp"

namespace pml::zygote {

/// What is asked, and by the code of which module; empty where that is no Python code.
using ProcessQuestion = std::function<void(worker::ProcessFact fact, const std::string& asker)>;

/// Hears from now on of what Python code asks about this process: functions of `os`, names of
/// `sys`, the standard streams. The functions and objects stay the same ones; their C code is gone
/// round. One at a time; the GIL is held.
void start_process_spy(ProcessQuestion hear);

/// Brings the C code back.
void stop_process_spy();

}  // namespace pml::zygote
