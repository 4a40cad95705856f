// Names of sys, and what is done with the standard streams: heard where types look attributes up.
#include <opcode.h>

#include <array>
#include <string>
#include <utility>

#include "worker/compat/objects.hpp"
#include "zygote/ahead/course.hpp"
#include "zygote/ahead/slots.hpp"
#include "zygote/ahead/spies.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::attribute;
using worker::Ref;

/// A type whose look-up or iteration is gone round.
struct Slots {
  PyTypeObject* type = nullptr;
  getattrofunc look_up = nullptr;
  iternextfunc next = nullptr;
};

struct Layer {
  PyObject* object = nullptr;  // kept alive by sys.__stdin__ and its twins
  int number = 0;
};

struct LookUpSpies {
  Ref system, posix;
  getattrofunc module_look_up = nullptr;
  std::array<Slots, 4> types;
  std::array<Layer, 9> layers;
  std::size_t layer_count = 0;
};

LookUpSpies& look_up_spies() {
  static auto* const instance = new LookUpSpies;
  return *instance;
}

const char* utf8_of(PyObject* text) {
  const char* bytes = text != nullptr && PyUnicode_Check(text) ? PyUnicode_AsUTF8(text) : nullptr;
  if (bytes == nullptr) PyErr_Clear();
  return bytes;
}

/// The instructions behind the one that runs in the frame, without those that hold caches.
class Instructions {
 public:
  explicit Instructions(PyObject* frame)
      : code_(attribute(frame, "f_code")), bytes_(attribute(code_.get(), "co_code")) {
    const Ref last = attribute(frame, "f_lasti");
    at_ = last && PyLong_Check(last.get()) ? PyLong_AsLong(last.get()) : -1;
    constants_ = attribute(code_.get(), "co_consts");
  }

  /// Operation and argument of the next one; false at the end.
  bool next(int& operation, int& argument) {
    if (at_ < 0 || !bytes_ || !PyBytes_Check(bytes_.get())) return false;
    const auto* text = reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(bytes_.get()));
    const Py_ssize_t size = PyBytes_GET_SIZE(bytes_.get());
    do at_ += 2;
    while (at_ + 1 < size && text[at_] == 0);  // CACHE
    if (at_ + 1 >= size) return false;
    operation = text[at_];
    argument = text[at_ + 1];
    return true;
  }

  [[nodiscard]] bool is_zero(int constant) const {
    PyObject* const value = constants_ && constant < PyTuple_GET_SIZE(constants_.get())
                                ? PyTuple_GET_ITEM(constants_.get(), constant)
                                : nullptr;
    return value != nullptr && PyLong_CheckExact(value) && PyLong_AsLong(value) == 0;
  }

 private:
  Ref code_, bytes_, constants_;
  Py_ssize_t at_ = -1;
};

bool loads_zero(const Instructions& all, int operation, int argument) {
#ifdef LOAD_SMALL_INT
  if (operation == LOAD_SMALL_INT) return argument == 0;
#endif
  return operation == LOAD_CONST && all.is_zero(argument);
}

bool takes_item(int operation, [[maybe_unused]] int argument) {
#ifdef BINARY_SUBSCR
  if (operation == BINARY_SUBSCR) return true;
#endif
#ifdef NB_SUBSCR
  if (operation == BINARY_OP && argument == NB_SUBSCR) return true;
#endif
  return operation == STORE_SUBSCR;
}

/// sys.argv[0], read or set: a part of the program.
bool asks_own_name(PyObject* frame) {
  Instructions all(frame);
  int operation = 0, argument = 0;
  return all.next(operation, argument) && loads_zero(all, operation, argument) &&
         all.next(operation, argument) && takes_item(operation, argument);
}

/// What makes an entry point a program looks at the words that name it.
bool is_entry_point_code(PyObject* frame) {
  if (course().request.kind != wire::ProgramKind::entry_point) return false;
  const Ref code = attribute(frame, "f_code");
  const Ref file = attribute(code.get(), "co_filename");
  const Ref name = attribute(code.get(), "co_name");
  const char* file_text = utf8_of(file.get());
  const char* text = utf8_of(name.get());
  return file_text != nullptr && text != nullptr && std::string_view(file_text) == "<string>" &&
         std::string_view(text) == "_pml_entry_point";
}

void hear_system_name(std::string_view name) {
  const bool is_words = name == "argv" || name == "orig_argv";
  if (is_words && course().knows_arguments) return;
  if (name == "argv") {
    const Ref frame = Ref::borrow(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
    if (frame && (asks_own_name(frame.get()) || is_entry_point_code(frame.get()))) return;
  }
  const auto becomes = pml::ahead::what_becomes_of("sys", name);
  if (!becomes) return;
  course().asks_arguments = is_words;
  ask(*becomes, "sys." + std::string(name));
  course().asks_arguments = false;
}

PyObject* look_up_in_module(PyObject* module, PyObject* name) {
  const LookUpSpies& state = look_up_spies();
  if (listening())
    if (const char* text = utf8_of(name)) {
      if (module == state.system.get()) hear_system_name(text);
      if (module == state.posix.get() && std::string_view(text) == "environ")
        note(FactKind::every_variable);
    }
  return state.module_look_up(module, name);
}

int layer_number(PyObject* object) {
  const LookUpSpies& state = look_up_spies();
  for (std::size_t i = 0; i < state.layer_count; ++i)
    if (state.layers[i].object == object) return state.layers[i].number;
  return -1;
}

const char* stream_name(int number) {
  constexpr std::array k_names = {"standard input", "standard output", "standard error"};
  return k_names[static_cast<std::size_t>(number)];
}

/// What no stream has fails by itself; what the program gave it is the program's.
bool is_of_streams(PyObject* stream, PyObject* name) {
  return worker::compat::type_attribute(Py_TYPE(stream), name) != nullptr;
}

void hear_stream(PyObject* stream, std::string_view name) {
  const int number = layer_number(stream);
  if (number < 0) return;
  // A text stream looks whether what is below it has this one; of what is written, that fails.
  if (number > 0 && name == "read1") return;
  const auto becomes = pml::ahead::what_becomes_of("stream", name).value_or(Becomes::stop);
  if (becomes == Becomes::terminal) note(FactKind::terminal, number);
  if (becomes == Becomes::stop)
    ask(becomes, std::string(stream_name(number)) + ": " + std::string(name));
}

const Slots* slots_of(PyTypeObject* type) {
  for (PyTypeObject* one = type; one != nullptr; one = one->tp_base)
    for (const Slots& slots : look_up_spies().types)
      if (slots.type == one) return &slots;
  return nullptr;
}

PyObject* look_up_in_stream(PyObject* stream, PyObject* name) {
  if (listening())
    if (const char* text = utf8_of(name); text != nullptr && is_of_streams(stream, name))
      hear_stream(stream, text);
  const Slots* slots = slots_of(Py_TYPE(stream));
  return slots != nullptr ? slots->look_up(stream, name) : PyObject_GenericGetAttr(stream, name);
}

PyObject* next_of_stream(PyObject* stream) {
  if (listening()) hear_stream(stream, "__next__");
  const Slots* slots = slots_of(Py_TYPE(stream));
  return slots != nullptr ? slots->next(stream) : nullptr;
}

void add_layers(int number, PyObject* stream) {
  LookUpSpies& state = look_up_spies();
  Ref layer = Ref::borrow(stream);
  for (const char* below : {"buffer", "raw", ""}) {
    if (!layer || layer.get() == Py_None || state.layer_count == state.layers.size()) return;
    state.layers[state.layer_count++] = {layer.get(), number};
    layer = *below != '\0' ? attribute(layer.get(), below) : Ref();
  }
}

}  // namespace

std::string standard_stream(PyObject* object) {
  const int number = layer_number(object);
  return number < 0 ? "" : stream_name(number);
}

void start_look_up_spies() {
  LookUpSpies& state = look_up_spies();
  state.system = Ref::steal(PyImport_ImportModule("sys"));
  state.posix = Ref::steal(PyImport_ImportModule("posix"));
  constexpr std::array k_names = {"__stdin__", "__stdout__", "__stderr__"};
  for (int number = 0; number < 3; ++number)
    if (PyObject* stream = PySys_GetObject(k_names[static_cast<std::size_t>(number)]))
      add_layers(number, stream);
  const Ref io = Ref::steal(PyImport_ImportModule("_io"));
  std::size_t at = 0;
  for (const char* name : {"TextIOWrapper", "BufferedReader", "BufferedWriter", "FileIO"}) {
    const Ref type = attribute(io.get(), name);
    Slots& slots = state.types[at++];
    slots.type = reinterpret_cast<PyTypeObject*>(type.get());
    slots.look_up = std::exchange(slots.type->tp_getattro, look_up_in_stream);
    slots.next = slots.type->tp_iternext != nullptr
                     ? std::exchange(slots.type->tp_iternext, next_of_stream)
                     : nullptr;
  }
  state.module_look_up = std::exchange(PyModule_Type.tp_getattro, look_up_in_module);
}

void lift_look_up_spies() {
  LookUpSpies& state = look_up_spies();
  restore_slot(&PyModule_Type, &PyTypeObject::tp_getattro, &look_up_in_module,
               state.module_look_up);
  for (const Slots& slots : state.types) {
    restore_slot(slots.type, &PyTypeObject::tp_getattro, &look_up_in_stream, slots.look_up);
    if (slots.next != nullptr)
      restore_slot(slots.type, &PyTypeObject::tp_iternext, &next_of_stream, slots.next);
  }
  state.system = {};
  state.posix = {};
}

}  // namespace pml::zygote::ahead
