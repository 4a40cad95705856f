// Functions keep their identity; their C code is gone round.
#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include "worker/compat/objects.hpp"
#include "zygote/ahead/answers.hpp"
#include "zygote/ahead/course.hpp"
#include "zygote/ahead/end.hpp"
#include "zygote/ahead/parking.hpp"
#include "zygote/ahead/slots.hpp"
#include "zygote/ahead/spies.hpp"
#include "zygote/ahead/trial.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::Ref;

constexpr std::size_t k_most_spies = 512;

/// A function, method or type that is gone round.
struct Spied {
  std::string module, name;
  Becomes becomes = Becomes::stop;
  PyMethodDef* definition = nullptr;
  PyCFunction call = nullptr;  // its own
  PyTypeObject* type = nullptr;
  newfunc make = nullptr;        // its own
  ternaryfunc invoke = nullptr;  // its own
};

/// Never destroyed: a type that the program derived may look into it until all is lifted.
std::vector<Spied>& spied() {
  static auto* const instance = new std::vector<Spied>;
  return *instance;
}

/// Of the module, or the spec of one, that is the first argument.
std::string name_of_loaded(const Call& call) {
  PyObject* const first = call.count > 0 ? call.arguments[0] : nullptr;
  Ref name = worker::attribute(first, "name");
  if (!name) name = worker::attribute(first, "__name__");
  const char* text = name && PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8(name.get()) : nullptr;
  PyErr_Clear();
  return text != nullptr ? text : "";
}

void lift_lasting_spies();

Ref hear(std::size_t place, const Call& call) {
  const Spied& one = spied()[place];
  const Phase phase = course().phase;
  if (one.becomes == Becomes::all_objects && course().quiet == 0) {
    if (phase == Phase::served) lift_lasting_spies();
    if (phase == Phase::served || phase == Phase::in_worker) show_all_objects();
  }
  if (!listening()) return {};
  return answer({one.module, one.name, one.becomes}, call);
}

/// What a compiled module brings is heard from its first moment on.
PyObject* done(std::size_t place, const Call& call, PyObject* result) {
  if (!listening() || spied()[place].module != "_imp" || result == nullptr) return result;
  Course& own = course();
  spy_on_module(
      PyModule_Check(result) != 0 ? result : (call.count > 0 ? call.arguments[0] : nullptr),
      name_of_loaded(call));
  if (own.phase == Phase::in_template && !on_trial() && count_threads() > 1)
    give_up("a compiled module starts threads", name_of_loaded(call));
  return result;
}

/// Whether what the function does is Python's own, and was heard: no foreign code runs in it.
bool is_heard(std::size_t place) {
  const Spied& one = spied()[place];
  return on_trial() && one.module != "_imp" && one.module != "_ctypes" &&
         one.becomes != Becomes::trial_tells;
}

/// Stand-ins for the one at place N, one for each way in which C code is called.
template <std::size_t N>
struct StandIn {
  template <typename Function>
  static Function own() {
    return reinterpret_cast<Function>(reinterpret_cast<void*>(spied()[N].call));
  }
  template <typename Original>
  static PyObject* around(const Call& call, Original original) {
    if (Ref other = hear(N, call)) return other.release();
    const Trusted trusted(is_heard(N));
    return done(N, call, original());
  }
  static PyObject* plain(PyObject* self, PyObject* argument) {
    return around({self, &argument, argument != nullptr ? 1 : 0, nullptr, nullptr},
                  [&] { return spied()[N].call(self, argument); });
  }
  static PyObject* tuple(PyObject* self, PyObject* arguments) {
    return around(of_tuple(self, arguments, nullptr),
                  [&] { return spied()[N].call(self, arguments); });
  }
  static PyObject* tuple_named(PyObject* self, PyObject* arguments, PyObject* names) {
    return around(of_tuple(self, arguments, names),
                  [&] { return own<PyCFunctionWithKeywords>()(self, arguments, names); });
  }
  static PyObject* fast(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    return around({self, arguments, count, nullptr, nullptr},
                  [&] { return own<worker::compat::FastFunction>()(self, arguments, count); });
  }
  static PyObject* named(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                         PyObject* names) {
    return around({self, arguments, count, names, nullptr}, [&] {
      return own<worker::compat::FastFunctionWithKeywords>()(self, arguments, count, names);
    });
  }
  static PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject* names) {
    if (Ref own = hear(N, of_tuple(nullptr, arguments, names))) return own.release();
    const Trusted trusted(is_heard(N));
    return spied()[N].make(type, arguments, names);
  }

  static PyObject* invoke(PyObject* self, PyObject* arguments, PyObject* names) {
    if (Ref own = hear(N, of_tuple(self, arguments, names))) return own.release();
    return spied()[N].invoke(self, arguments, names);
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

using ForFlags = PyCFunction (*)(int);

template <std::size_t... N>
constexpr std::array<ForFlags, sizeof...(N)> all_calls(std::index_sequence<N...> /*places*/) {
  return {StandIn<N>::for_flags...};
}
template <std::size_t... N>
constexpr std::array<newfunc, sizeof...(N)> all_makes(std::index_sequence<N...> /*places*/) {
  return {StandIn<N>::make...};
}
template <std::size_t... N>
constexpr std::array<ternaryfunc, sizeof...(N)> all_invokes(std::index_sequence<N...> /*places*/) {
  return {StandIn<N>::invoke...};
}
constexpr auto k_invokes = all_invokes(std::make_index_sequence<k_most_spies>());
constexpr auto k_calls = all_calls(std::make_index_sequence<k_most_spies>());
constexpr auto k_makes = all_makes(std::make_index_sequence<k_most_spies>());

/// Of functions that are gone round.
std::unordered_map<PyMethodDef*, PyCFunction>& own_codes() {
  static auto* const instance = new std::unordered_map<PyMethodDef*, PyCFunction>;
  return *instance;
}

/// While one lives, the function has its own C code, by which it is told from others.
class OwnCode {
 public:
  explicit OwnCode(PyObject* function) {
    PyMethodDef* const definition = PyCFunction_Check(function) != 0
                                        ? reinterpret_cast<PyCFunctionObject*>(function)->m_ml
                                        : nullptr;
    const auto found = own_codes().find(definition);
    if (found == own_codes().end()) return;
    definition_ = definition;
    instead_ = std::exchange(definition->ml_meth, found->second);
  }
  ~OwnCode() {
    if (definition_ != nullptr) definition_->ml_meth = instead_;
  }
  OwnCode(const OwnCode&) = delete;
  OwnCode& operator=(const OwnCode&) = delete;

 private:
  PyMethodDef* definition_ = nullptr;
  PyCFunction instead_ = nullptr;
};

hashfunc g_hash = nullptr;        // NOLINT: of the interpreter
richcmpfunc g_compare = nullptr;  // NOLINT: likewise

/// Sets and dicts of functions, such as os.supports_fd, are as if nobody listened.
Py_hash_t hash_of_function(PyObject* function) {
  const OwnCode own(function);
  return g_hash(function);
}

PyObject* compare_functions(PyObject* left, PyObject* right, int operation) {
  const OwnCode first(left);
  const OwnCode second(left != right ? right : Py_None);
  return g_compare(left, right, operation);
}

PyMethodDef* definition_of(PyObject* object) {
  if (PyCFunction_Check(object)) return reinterpret_cast<PyCFunctionObject*>(object)->m_ml;
  if (Py_IS_TYPE(object, &PyMethodDescr_Type) || Py_IS_TYPE(object, &PyClassMethodDescr_Type))
    return reinterpret_cast<PyMethodDescrObject*>(object)->d_method;
  return nullptr;
}

bool is_known(const PyMethodDef* definition, const PyTypeObject* type) {
  return std::any_of(spied().begin(), spied().end(), [&](const Spied& one) {
    return (definition != nullptr && one.definition == definition) ||
           (type != nullptr && one.type == type);
  });
}

/// A class that derives from the type takes what its __call__ wraps.
void wrap_call(PyTypeObject* type, ternaryfunc function) {
  if (type->tp_dict == nullptr) return;
  PyObject* const wrapper = PyDict_GetItemString(type->tp_dict, "__call__");
  if (wrapper != nullptr && Py_IS_TYPE(wrapper, &PyWrapperDescr_Type))
    reinterpret_cast<PyWrapperDescrObject*>(wrapper)->d_wrapped = reinterpret_cast<void*>(function);
}

void go_round(std::string_view module, std::string_view name, Becomes becomes, PyObject* object) {
  if (becomes == Becomes::harmless && module != "_imp") return;
  PyMethodDef* const definition = definition_of(object);
  PyTypeObject* const type =
      PyType_Check(object) != 0 ? reinterpret_cast<PyTypeObject*>(object) : nullptr;
  const std::size_t place = spied().size();
  if (is_known(definition, type)) return;
  if (place == k_most_spies) give_up("it loads more than can be listened to");
  Spied one{std::string(module), std::string(name), becomes};
  if (definition != nullptr) {
    const PyCFunction instead = k_calls[place](definition->ml_flags);
    if (instead == nullptr) return;
    one.definition = definition;
    one.call = std::exchange(definition->ml_meth, instead);
    own_codes().emplace(definition, one.call);
  } else if (type != nullptr && type->tp_new != nullptr &&
             PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(PyExc_BaseException)) == 0) {
    one.type = type;
    if (module == "_ctypes") {
      one.invoke = std::exchange(type->tp_call, k_invokes[place]);
      wrap_call(type, k_invokes[place]);
    } else {
      one.make = std::exchange(type->tp_new, k_makes[place]);
    }
  } else {
    return;
  }
  spied().push_back(std::move(one));
}

void lift(std::size_t place) {
  const Spied& one = spied()[place];
  if (one.definition != nullptr) one.definition->ml_meth = one.call;
  if (one.make != nullptr) restore_slot(one.type, &PyTypeObject::tp_new, k_makes[place], one.make);
  if (one.invoke != nullptr) wrap_call(one.type, one.invoke);
  if (one.invoke != nullptr)
    restore_slot(one.type, &PyTypeObject::tp_call, k_invokes[place], one.invoke);
}

/// Those that stay until the program asks, or ends.
void lift_lasting_spies() {
  for (PyTypeObject* const type : {&PyCFunction_Type, &PyCMethod_Type}) {
    if (type->tp_hash == hash_of_function) type->tp_hash = g_hash;
    if (type->tp_richcompare == compare_functions) type->tp_richcompare = g_compare;
  }
  for (std::size_t place = 0; place < spied().size(); ++place)
    if (spied()[place].becomes == Becomes::all_objects) lift(place);
}

void spy_on_methods(std::string_view module, PyObject* names) {
  for (const std::string_view method : pml::ahead::methods_in(module)) {
    const std::size_t dot = method.find('.');
    PyObject* const type = PyDict_GetItemString(names, std::string(method.substr(0, dot)).c_str());
    if (type == nullptr || PyType_Check(type) == 0) continue;
    const std::string own(method.substr(dot + 1));
    PyObject* const object = worker::compat::type_attribute(reinterpret_cast<PyTypeObject*>(type),
                                                            worker::interned(own.c_str()));
    if (object != nullptr)
      go_round(module, method, *pml::ahead::what_becomes_of(module, method), object);
  }
}

}  // namespace

void spy_on_module(PyObject* module, const std::string& name) {
  if (module == nullptr || PyModule_Check(module) == 0) return;
  PyObject* const names = PyModule_GetDict(module);
  PyObject *key = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(names, &at, &key, &value) != 0;) {
    const char* text = PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : nullptr;
    if (text == nullptr) continue;
    if (const auto becomes = pml::ahead::what_becomes_of(name, text))
      go_round(name, text, *becomes, value);
  }
  spy_on_methods(name, names);
  PyErr_Clear();
}

void start_function_spies() {
  for (PyTypeObject* const type : {&PyCFunction_Type, &PyCMethod_Type}) {
    g_hash = std::exchange(type->tp_hash, hash_of_function);
    g_compare = std::exchange(type->tp_richcompare, compare_functions);
  }
}

void lift_function_spies() {
  for (std::size_t place = 0; place < spied().size(); ++place)
    if (spied()[place].becomes != Becomes::all_objects) lift(place);
}

}  // namespace pml::zygote::ahead
