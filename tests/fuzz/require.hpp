#pragma once

#include <cstdio>
#include <cstdlib>

/// A property that must hold for every input: says which did not, and stops the fuzzer there.
#define PML_REQUIRE(property)                                             \
  do {                                                                    \
    if (!(property)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #property); \
      std::abort();                                                       \
    }                                                                     \
  } while (false)
