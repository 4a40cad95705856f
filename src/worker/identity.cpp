#include "worker/identity.hpp"

#include <unistd.h>

#include <optional>

#include "worker/numpy_seed.hpp"
#include "worker/python.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

namespace {

std::optional<NumpySeed> g_numpy_seed;  // NOLINT: of the process

void renew_random() {
  PyObject* const random = preloaded("random");
  const Ref numbers = attribute(random, "_inst");
  if (!numbers) return;
  // The method of the class in Python does no more than this, on many more pages.
  const Ref base = attribute(preloaded("_random"), "Random");
  const Ref kept = attribute(numbers.get(), "gauss_next");
  if (base && kept.get() == Py_None &&
      Ref::steal(PyObject_Type(numbers.get())).get() == attribute(random, "Random").get())
    Ref::steal(PyObject_CallMethod(base.get(), "seed", "O", numbers.get()));
  else
    call_method(numbers.get(), "seed");
}

void renew_numpy() {
  if (g_numpy_seed && g_numpy_seed->renew()) return;
  const Ref legacy = attribute(preloaded("numpy.random.mtrand"), "_rand");
  if (legacy) call_method(legacy.get(), "seed");
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

}  // namespace

void prepare_identity() {
  const Ref legacy = attribute(preloaded("numpy.random.mtrand"), "_rand");
  if (legacy) g_numpy_seed = NumpySeed::of(legacy.get());
  PyErr_Clear();
}

void renew_thread_number() {
  const Ref thread = attribute(preloaded("threading"), "_main_thread");
  if (!thread) return;
  // As the thread's own method does, without the pages of a call.
  const Ref number = Ref::steal(PyLong_FromLong(::gettid()));
  if (attribute(thread.get(), "_native_id"))
    PyObject_SetAttrString(thread.get(), "_native_id", number.get());
  // What the interpreter's start had imported has done after the fork as after any other.
  const Ref locks = attribute(preloaded("threading"), "_shutdown_locks");
  const Ref lock = attribute(thread.get(), "_tstate_lock");
  if (locks && PySet_Check(locks.get()) != 0 && lock && lock.get() != Py_None &&
      PySet_Contains(locks.get(), lock.get()) == 0)
    (void)PySet_Add(locks.get(), lock.get());
  PyErr_Clear();
}

void renew_identity() {
  renew_thread_number();
  renew_random();
  renew_numpy();
  renew_multiprocessing();
  PyErr_Clear();
}

}  // namespace pml::worker
