#pragma once

#include "base/python_abi.hpp"
#include "worker/python.hpp"

static_assert(PY_MAJOR_VERSION == 3 && PY_MINOR_VERSION >= pml::base::k_oldest_minor &&
                  PY_MINOR_VERSION <= pml::base::k_newest_minor,
              "what differs in another version of CPython has to be looked up first");
#if defined(Py_GIL_DISABLED) || defined(Py_DEBUG) || defined(Py_TRACE_REFS)
#error "pml does not serve free-threaded and debug builds"
#endif
