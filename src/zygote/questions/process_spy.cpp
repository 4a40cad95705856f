#include "zygote/questions/process_spy.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/compat/objects.hpp"
#include "worker/python.hpp"
#include "zygote/questions/asking_names.hpp"
#include "zygote/questions/call_arguments.hpp"

namespace pml::zygote {

namespace {

using worker::attribute;
using worker::FactKind;
using worker::ProcessFact;
using worker::Ref;

struct Spy {
  Hearer hear;
  NameHearer hear_name;
  std::array<PyMethodDef*, k_asking_functions.size()> definitions{};
  std::array<PyCFunction, k_asking_functions.size()> originals{};
  std::array<Ref, 3> streams;
  Ref system, time;
  getattrofunc module_lookup = PyObject_GenericGetAttr;
  getattrofunc stream_lookup = PyObject_GenericGetAttr;
  getattrofunc flags_lookup = PyObject_GenericGetAttr;
  PyTypeObject *stream_type = nullptr, *flags_type = nullptr;
};

/// Never destroyed: types that preloads make inherit what looks into it.
Spy& spy() {
  static auto* const instance = new Spy;
  return *instance;
}

void note_askers(ProcessQuestion& question) {
  std::vector<std::string>& names = question.askers;
  Ref frame = Ref::borrow(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  while (frame && frame.get() != Py_None) {
    const Ref globals = attribute(frame.get(), "f_globals");
    const Ref code = attribute(frame.get(), "f_code");
    const Ref function = attribute(code.get(), "co_name");
    if (const char* name = text_in(PyDict_GetItemString(globals.get(), "__name__")))
      names.emplace_back(name);
    const char* text = text_in(function.get());
    if (question.function.empty() && text != nullptr) question.function = text;
    if (text != nullptr && std::strcmp(text, "<module>") == 0) break;
    frame = attribute(frame.get(), "f_back");
  }
}

Ref hear(ProcessQuestion question) {
  Spy& state = spy();
  if (!state.hear) return {};
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  note_askers(question);
  Ref answer = state.hear(question);
  PyErr_Restore(type, value, trace);
  return answer;
}

void hear_fact(ProcessFact fact) {
  ProcessQuestion question;
  question.fact = std::move(fact);
  hear(std::move(question));
}

/// What using the file is to ask; nothing where it does not matter.
std::optional<ProcessQuestion> question_of(const AskingFunction& function, PyObject* file,
                                           PyObject* how) {
  const auto path = path_in(file);
  if (!path) return std::nullopt;
  ProcessQuestion question;
  const bool opens = function.argument == Argument::opened_file;
  if (is_of_this_process(*path)) {
    question.fact = {FactKind::own, 0, "what the kernel tells of the process"};
    return question;
  }
  if (opens && is_to_be_written(how) && !is_of_the_system(*path))
    question.fact = {FactKind::own, 0, "a file that it writes,"};
  else if (!path->starts_with('/'))
    question.fact = {FactKind::file, 0, *path};
  else if (opens && !is_of_the_system(*path))
    question.read_file = *path;
  else
    return std::nullopt;
  return question;
}

std::optional<ProcessQuestion> variable_question(PyObject* name, PyObject* value) {
  const auto text = path_in(name);
  if (!text) return std::nullopt;
  ProcessQuestion question;
  question.set_variable = *text;
  if (value != nullptr) question.variable_value = path_in(value);
  return question;
}

void hear_numbers(const AskingFunction& function, PyObject* generator, PyObject* seed) {
  ProcessQuestion question;
  question.fact = {FactKind::own, 0, std::string("random.") + function.name};
  question.generator = generator;
  question.seeds = std::strcmp(function.name, "seed") == 0;
  question.by_system = question.seeds && (seed == nullptr || seed == Py_None);
  hear(std::move(question));
}

std::string public_name(const AskingFunction& function) {
  const bool of_os = std::strcmp(function.module, "posix") == 0;
  const char* module = of_os ? "os" : function.module + (function.module[0] == '_' ? 1 : 0);
  return std::string(module) + "." + function.name;
}

/// What asks for the time unless it is given one; of a zone, in any case.
void hear_moment(const AskingFunction& function, PyObject* moment) {
  if (function.kind != FactKind::own) hear_fact({function.kind, 0, {}});
  if (moment == nullptr || moment == Py_None) hear_fact({FactKind::own, 0, public_name(function)});
}

void hear_call(std::size_t place, PyObject* self, PyObject* first, PyObject* second = nullptr) {
  const AskingFunction& function = k_asking_functions[place];
  if (function.argument == Argument::generator) {
    hear_numbers(function, self, first);
    return;
  }
  if (function.argument == Argument::moment || function.argument == Argument::second_moment) {
    hear_moment(function, function.argument == Argument::moment ? first : second);
    return;
  }
  ProcessFact fact{function.kind, 0, {}};
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  bool matters = true;
  switch (function.argument) {
    case Argument::none:
      break;
    case Argument::number:
    case Argument::standard:
      fact.number = first != nullptr ? static_cast<int>(PyLong_AsLong(first)) : 1;
      matters = function.argument == Argument::number || (fact.number >= 0 && fact.number <= 2);
      break;
    case Argument::relative_file:
    case Argument::opened_file:
      if (auto question = question_of(function, first, second)) hear(std::move(*question));
      matters = false;
      break;
    case Argument::variable:
      if (auto question = variable_question(first, second)) hear(std::move(*question));
      matters = false;
      break;
    case Argument::code:
      worker::compat::keep_from_adapting(first);
      matters = false;
      break;
    case Argument::configuration:
      fact.number = limit_behind(first);
      matters = fact.number >= 0;
      break;
    case Argument::moment:
    case Argument::second_moment:
    case Argument::generator:
      break;
  }
  if (fact.kind == FactKind::own) fact = {FactKind::own, 0, public_name(function)};
  PyErr_Restore(type, value, trace);
  if (matters) hear_fact(std::move(fact));
}

/// The second argument, by place or as open's `mode` or `flags`.
PyObject* second_of(PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  if (count > 1) return arguments[1];
  for (Py_ssize_t i = 0; names != nullptr && i < PyTuple_GET_SIZE(names); ++i)
    if (const char* name = text_in(PyTuple_GET_ITEM(names, i)))
      if (std::strcmp(name, "mode") == 0 || std::strcmp(name, "flags") == 0)
        return arguments[count + i];
  return nullptr;
}

/// Stand-ins for the function at place N, one for each way in which C functions are called.
template <std::size_t N>
struct StandIn {
  static PyObject* plain(PyObject* self, PyObject* argument) {
    hear_call(N, self, argument);
    return spy().originals[N](self, argument);
  }
  static PyObject* tuple(PyObject* self, PyObject* arguments) {
    const Py_ssize_t count = PyTuple_GET_SIZE(arguments);
    hear_call(N, self, count > 0 ? PyTuple_GET_ITEM(arguments, 0) : nullptr,
              count > 1 ? PyTuple_GET_ITEM(arguments, 1) : nullptr);
    return spy().originals[N](self, arguments);
  }
  static PyObject* tuple_named(PyObject* self, PyObject* arguments, PyObject* names) {
    hear_call(N, self, PyTuple_GET_SIZE(arguments) > 0 ? PyTuple_GET_ITEM(arguments, 0) : nullptr);
    return reinterpret_cast<PyCFunctionWithKeywords>(reinterpret_cast<void*>(spy().originals[N]))(
        self, arguments, names);
  }
  static PyObject* fast(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    hear_call(N, self, count > 0 ? arguments[0] : nullptr, count > 1 ? arguments[1] : nullptr);
    return reinterpret_cast<worker::compat::FastFunction>(
        reinterpret_cast<void*>(spy().originals[N]))(self, arguments, count);
  }
  static PyObject* named(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                         PyObject* names) {
    const bool any = count > 0 || (names != nullptr && PyTuple_GET_SIZE(names) > 0);
    hear_call(N, self, any ? arguments[0] : nullptr, second_of(arguments, count, names));
    return reinterpret_cast<worker::compat::FastFunctionWithKeywords>(
        reinterpret_cast<void*>(spy().originals[N]))(self, arguments, count, names);
  }

  static PyCFunction for_flags(int flags) {
    switch (flags & ~(METH_STATIC | METH_CLASS | METH_COEXIST)) {
      case METH_NOARGS:
      case METH_O:
        return plain;
      case METH_VARARGS:
        return tuple;
      case METH_VARARGS | METH_KEYWORDS:
        return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(tuple_named));
      case METH_FASTCALL:
        return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(fast));
      case METH_FASTCALL | METH_KEYWORDS:
        return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(named));
      default:
        return nullptr;
    }
  }
};

template <std::size_t... N>
PyCFunction stand_in(std::size_t place, int flags, std::index_sequence<N...> /*places*/) {
  PyCFunction found = nullptr;
  ((N == place ? void(found = StandIn<N>::for_flags(flags)) : void()), ...);
  return found;
}

void go_round(std::size_t place, PyObject* module) {
  const AskingFunction& function = k_asking_functions[place];
  std::string name = function.name;
  if (function.argument == Argument::generator) name.insert(0, "Random.");
  Ref object = Ref::borrow(module);
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.')) {
    object = attribute(object.get(), name.substr(0, dot).c_str());
    name.erase(0, dot + 1);
  }
  object = attribute(object.get(), name.c_str());
  PyMethodDef* definition = nullptr;
  if (object && PyCFunction_CheckExact(object.get()))
    definition = reinterpret_cast<PyCFunctionObject*>(object.get())->m_ml;
  else if (object && Py_IS_TYPE(object.get(), &PyMethodDescr_Type))
    definition = reinterpret_cast<PyMethodDescrObject*>(object.get())->d_method;
  if (definition == nullptr || spy().definitions[place] != nullptr) return;
  const PyCFunction instead =
      stand_in(place, definition->ml_flags, std::make_index_sequence<k_asking_functions.size()>());
  if (instead == nullptr) return;
  Spy& state = spy();
  state.definitions[place] = definition;
  state.originals[place] = std::exchange(definition->ml_meth, instead);
}

Ref hear_system_name(const SystemName& name) {
  ProcessQuestion question;
  question.fact = {name.kind, name.number, {}};
  if (name.kind == FactKind::own) question.fact.name = std::string("sys.") + name.name;
  if (name.kind == FactKind::flag) question.fact.name = name.name;
  question.system_name = name.name;
  return hear(std::move(question));
}

PyObject* look_up_in_module(PyObject* module, PyObject* name) {
  Spy& state = spy();
  if (state.hear_name) state.hear_name(module, name);
  if (state.hear && module == state.system.get())
    if (const char* text = text_in(name))
      for (const SystemName& one : k_system_names)
        if (std::strcmp(one.name, text) == 0)
          if (Ref answer = hear_system_name(one)) return answer.release();
  if (state.hear && module == state.time.get())
    if (const char* text = text_in(name))
      for (const char* known : {"timezone", "altzone", "daylight", "tzname"})
        if (std::strcmp(known, text) == 0) hear_fact({FactKind::zone, 0, {}});
  return state.module_lookup(module, name);
}

PyObject* look_up_in_stream(PyObject* stream, PyObject* name) {
  Spy& state = spy();
  if (state.hear)
    for (int number = 0; number < 3; ++number)
      if (stream == state.streams[number].get())
        if (const char* text = text_in(name))
          for (const auto& [known, kind] : k_stream_names)
            if (std::strcmp(known, text) == 0)
              hear_fact({kind, kind == FactKind::terminal ? number : 0,
                         kind == FactKind::own ? std::string("a standard stream's ") + text : ""});
  return state.stream_lookup(stream, name);
}

PyObject* look_up_in_flags(PyObject* flags, PyObject* name) {
  Spy& state = spy();
  if (state.hear)
    if (const char* text = text_in(name))
      for (const char* known : {"dont_write_bytecode", "quiet", "bytes_warning", "utf8_mode"})
        if (std::strcmp(known, text) == 0) hear_fact({FactKind::flag, 0, known});
  return state.flags_lookup(flags, name);
}

}  // namespace

void spy_on_functions(const std::string& module) {
  PyObject* const object = PyDict_GetItemString(PyImport_GetModuleDict(), module.c_str());
  if (object == nullptr) return;
  for (std::size_t place = 0; place < k_asking_functions.size(); ++place)
    if (module == k_asking_functions[place].module) go_round(place, object);
}

std::optional<FactKind> kind_of_system_name(std::string_view name) {
  for (const SystemName& one : k_system_names)
    if (name == one.name) return one.kind;
  return std::nullopt;
}

void start_process_spy(Hearer hear, NameHearer hear_name) {
  Spy& state = spy();
  for (const AskingFunction& function : k_asking_functions) spy_on_functions(function.module);
  state.system = Ref::steal(PyImport_ImportModule("sys"));
  state.time = Ref::steal(PyImport_ImportModule("time"));
  state.module_lookup = std::exchange(PyModule_Type.tp_getattro, look_up_in_module);
  for (int number = 0; number < 3; ++number) {
    constexpr std::array k_names = {"__stdin__", "__stdout__", "__stderr__"};
    state.streams[number] = Ref::borrow(PySys_GetObject(k_names[number]));
    if (state.streams[number] && state.streams[number].get() != Py_None)
      state.stream_type = Py_TYPE(state.streams[number].get());
  }
  if (state.stream_type != nullptr)
    state.stream_lookup = std::exchange(state.stream_type->tp_getattro, look_up_in_stream);
  state.flags_type = Py_TYPE(PySys_GetObject("flags"));
  state.flags_lookup = std::exchange(state.flags_type->tp_getattro, look_up_in_flags);
  state.hear = std::move(hear);
  state.hear_name = std::move(hear_name);
}

namespace {

/// Of the type and of all that inherited the look-up from it.
void restore_look_up(PyTypeObject* type, getattrofunc instead, getattrofunc original) {
  if (type->tp_getattro != instead) return;
  type->tp_getattro = original;
  const Ref list =
      Ref::steal(PyObject_CallMethod(reinterpret_cast<PyObject*>(type), "__subclasses__", nullptr));
  for (Py_ssize_t i = 0; list && i < PyList_Size(list.get()); ++i)
    restore_look_up(reinterpret_cast<PyTypeObject*>(PyList_GetItem(list.get(), i)), instead,
                    original);
  PyErr_Clear();
}

}  // namespace

void stop_process_spy() {
  Spy& state = spy();
  state.hear = nullptr;
  state.hear_name = nullptr;
  for (std::size_t place = 0; place < k_asking_functions.size(); ++place)
    if (state.definitions[place] != nullptr)
      state.definitions[place]->ml_meth = state.originals[place];
  restore_look_up(&PyModule_Type, look_up_in_module, state.module_lookup);
  if (state.stream_type != nullptr)
    restore_look_up(state.stream_type, look_up_in_stream, state.stream_lookup);
  restore_look_up(state.flags_type, look_up_in_flags, state.flags_lookup);
  state.streams = {};
  state.system = {};
  state.time = {};
}

}  // namespace pml::zygote
