#include "worker/identity.hpp"

#include <unistd.h>

#include <optional>
#include <utility>

#include "worker/numpy_seed.hpp"
#include "worker/python.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

namespace {

std::optional<NumpySeed> g_numpy_seed;  // NOLINT: of the process
PyObject* g_threading = nullptr;        // NOLINT: likewise; the zygote's, for ever

/// random's generator as its import leaves it, and what seeds one: the method that the class in
/// Python has of its own does no more for such a one, on many more pages.
struct PlainRandom {
  Ref numbers, seed;
};

PlainRandom& plain_random() {
  static auto* const instance = new PlainRandom;
  return *instance;
}

void prepare_random() {
  PyObject* const random = preloaded("random");
  Ref numbers = attribute(random, "_inst");
  const Ref type = attribute(random, "Random");
  const Ref base = attribute(preloaded("_random"), "Random");
  if (!numbers || !base || reinterpret_cast<PyObject*>(Py_TYPE(numbers.get())) != type.get() ||
      attribute(numbers.get(), "gauss_next").get() != Py_None)
    return;
  plain_random() = {std::move(numbers), attribute(base.get(), "seed")};
}

void renew_random() {
  call_method(attribute(preloaded("random"), "_inst").get(), "seed");
}

/// As it is right behind the fork.
void renew_inherited_random() {
  const PlainRandom& plain = plain_random();
  if (plain.seed)
    Ref::steal(PyObject_CallOneArg(plain.seed.get(), plain.numbers.get()));
  else
    renew_random();
}

void renew_numpy() {
  if (g_numpy_seed && g_numpy_seed->renew()) return;
  const Ref legacy = attribute(preloaded("numpy.random.mtrand"), "_rand");
  if (legacy) call_method(legacy.get(), "seed");
}

}  // namespace

void prepare_identity() {
  const Ref legacy = attribute(preloaded("numpy.random.mtrand"), "_rand");
  if (legacy) g_numpy_seed = NumpySeed::of(legacy.get());
  prepare_random();
  g_threading = Ref::borrow(preloaded("threading")).release();
  PyErr_Clear();
}

void renew_multiprocessing() {
  PyObject* const process = preloaded("multiprocessing.process");
  if (process == nullptr) return;
  const Ref main = attribute(process, "_current_process");
  const Ref settings = attribute(main.get(), "_config");
  const Ref type = attribute(process, "AuthenticationString");
  const Ref os = Ref::steal(PyImport_ImportModule("os"));
  const Ref secret = Ref::steal(PyObject_CallMethod(os.get(), "urandom", "i", 32));
  const Ref key = Ref::steal(PyObject_CallOneArg(type.get(), secret.get()));
  if (settings && key) PyDict_SetItemString(settings.get(), "authkey", key.get());
}

void renew_thread_number() {
  PyObject* const threading = g_threading != nullptr ? g_threading : preloaded("threading");
  if (threading == nullptr || !PyModule_Check(threading)) return;
  PyObject* const names = PyModule_GetDict(threading);
  PyObject* const thread = PyDict_GetItem(names, interned("_main_thread"));
  if (thread == nullptr) return;
  // As the thread's own method does, without the pages of a call.
  const Ref number = Ref::steal(PyLong_FromLong(::gettid()));
  if (attribute(thread, "_native_id"))
    PyObject_SetAttr(thread, interned("_native_id"), number.get());
  // What the interpreter's start had imported has done after the fork as after any other.
  PyObject* const locks = PyDict_GetItem(names, interned("_shutdown_locks"));
  const Ref lock = attribute(thread, "_tstate_lock");
  if (locks != nullptr && PySet_Check(locks) != 0 && lock && lock.get() != Py_None &&
      PySet_Contains(locks, lock.get()) == 0)
    (void)PySet_Add(locks, lock.get());
  PyErr_Clear();
}

void renew_random_numbers() {
  renew_random();
  renew_numpy();
  PyErr_Clear();
}

void renew_identity() {
  renew_thread_number();
  renew_inherited_random();
  renew_numpy();
  renew_multiprocessing();
  PyErr_Clear();
}

}  // namespace pml::worker
