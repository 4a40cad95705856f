#include <pybind11/pybind11.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/exit_status.hpp"
#include "wire/channel.hpp"
#include "wire/request.hpp"
#include "wire/zygote_message.hpp"
#include "worker/compat/command.hpp"
#include "worker/compat/fit.hpp"
#include "worker/compat/frames.hpp"
#include "worker/compat/messages.hpp"
#include "worker/interpreter.hpp"
#include "worker/late_imports.hpp"
#include "worker/process_title.hpp"
#include "worker/python.hpp"
#include "zygote/ahead/run.hpp"
#include "zygote/fork_server.hpp"
#include "zygote/preload.hpp"

namespace py = pybind11;

namespace {

/// A fresh interpreter has no trace of this module or of pybind11 in its builtins.
void leave_no_trace() {
  PyDict_DelItemString(PyEval_GetBuiltins(), PYBIND11_INTERNALS_ID);
  PyErr_Clear();
  PyObject* modules = PyImport_GetModuleDict();
  if (PyDict_DelItemString(modules, "_pml_zygote") != 0) PyErr_Clear();
  pml::worker::compat::forget_command();
  py::dict globals = py::module_::import("__main__").attr("__dict__");
  for (const char* name : {"sys", "_pml_zygote"})
    if (PyDict_DelItemString(globals.ptr(), name) != 0) PyErr_Clear();
  // The command line put the current folder in front.
  const py::list path = py::module_::import("sys").attr("path");
  if (!path.empty() && std::string(py::str(path[0])).empty()) PySequence_DelItem(path.ptr(), 0);
  const py::dict finders = py::module_::import("sys").attr("path_importer_cache");
  std::error_code none;
  const std::string here = std::filesystem::current_path(none);
  if (finders.contains(here)) PyDict_DelItemString(finders.ptr(), here.c_str());
}

/// argv[0]: sys.orig_argv has it from 3.10 on only.
std::string own_name() {
  std::ifstream words("/proc/self/cmdline");
  std::string name;
  std::getline(words, name, '\0');
  return name;
}

[[noreturn]] void refuse(pml::base::BorrowedFd link, const std::string& why) {
  pml::wire::Event event;
  event.kind = pml::wire::EventKind::unfit;
  event.value = 1;
  event.text = why;
  (void)pml::wire::send_some(link, pml::wire::encode(event));
  ::_exit(pml::base::k_exit_config);
}

void serve(int link_number) {
  pml::base::UniqueFd link(pml::base::k_adopt, link_number);
  if (const auto why = pml::worker::compat::unfitness()) refuse(link.borrow(), *why);
  std::string packet(pml::wire::k_max_packet, '\0');
  pml::wire::Received received = pml::wire::receive(link.borrow(), packet);
  const auto order = pml::wire::decode_order({packet.data(), received.size});
  const bool runs_ahead = order && order->kind == pml::wire::OrderKind::run_ahead;
  if (!runs_ahead && (!order || order->kind != pml::wire::OrderKind::boot))
    throw std::runtime_error("the first packet is no boot order");
  leave_no_trace();
  pml::worker::compat::note_recursion_limit();
  if (runs_ahead)
    pml::zygote::ahead::run(std::move(received.descriptors), std::move(link), own_name());
  pml::worker::take_baseline(own_name());
  pml::worker::compat::learn_messages(own_name());
  pml::worker::remember_memory_map();
  pml::worker::set_imports_address(std::string(order->boot.imports_to));
  pml::zygote::preload(order->boot, link.borrow());
  std::vector<std::string> after_fork(order->boot.after_fork.begin(), order->boot.after_fork.end());
  pml::zygote::ForkServer(std::move(link), std::move(after_fork)).run();
  std::fflush(nullptr);
  ::_exit(0);  // an end of the interpreter would take apart what workers still share
}

}  // namespace

PYBIND11_MODULE(_pml_zygote, module) {
  module.doc() = "pml's fork server: preloads modules and forks workers on the service's request.";
  module.def(
      "unfitness", [] { return pml::worker::compat::unfitness().value_or(""); },
      "Why the module must not be used in this interpreter; empty where it may.");
  module.def("serve", &serve, py::arg("link"),
             "Serve the service at the other end of the descriptor `link` (a SOCK_SEQPACKET pair) "
             "until it closes; takes the descriptor over and never returns.");
}
