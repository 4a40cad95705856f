#pragma once

#include <string>

#include "worker/python.hpp"

namespace pml::zygote::ahead {

/// Puts everything in place that hears what the program asks, and takes it away without a trace.
/// The objects of the interpreter stay the same ones throughout.
void start_spies();
void lift_spies();

/// Goes round the C code of a module's functions, types and methods, as far as the table of
/// questions wants to hear of them. A module that was gone round already gains what is new in it.
/// `name` is that of its import: some name themselves otherwise.
void spy_on_module(PyObject* module, const std::string& name);
void start_function_spies();
void lift_function_spies();

/// "standard output" where the object is that stream, or what lies below it; else empty.
[[nodiscard]] std::string standard_stream(PyObject* object);
void start_look_up_spies();
void lift_look_up_spies();

/// os.environ keeps its values meanwhile in a dict that tells what is looked up.
void start_environment_spy();
/// Gives os.environ the dict back that it had, filled by the caller of this beforehand.
void lift_environment_spy();

void start_audit_spy();

/// Gives a new process what it must not have in common with the template: the number of its main
/// thread, seeds of the system's.
void renew_process();

}  // namespace pml::zygote::ahead
