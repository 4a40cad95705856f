#include "zygote/changes/codec_watch.hpp"

#include <algorithm>
#include <string>

#include "worker/compat/objects.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// What encodings keeps by itself, beside the interpreter; none where it is another encodings.
py::object cache_of_encodings() {
  const py::object cache = name_in(module_named("encodings"), "_cache");
  return PyDict_CheckExact(cache.ptr()) != 0 ? cache : py::none();
}

py::object copy_of(const py::object& dict) {
  return py::reinterpret_steal<py::object>(PyDict_Copy(dict.ptr()));
}

}  // namespace

void CodecWatch::start() {
  if (const py::object cache = cache_of_encodings(); !cache.is_none()) first_ = copy_of(cache);
}

void CodecWatch::forget() {
  const py::object cache = cache_of_encodings();
  if (cache.is_none() || py::len(cache) == py::len(first_)) return;
  for (const auto& [name, codec] : py::reinterpret_borrow<py::dict>(copy_of(cache)))
    if (!first_.contains(name)) PyDict_DelItem(cache.ptr(), name.ptr());
  const py::object search = name_in(module_named("encodings"), "search_function");
  if (!worker::compat::forget_codecs(search.ptr())) throw py::error_already_set();
}

void CodecWatch::restore() {
  forget();
  for (const auto& [name, codec] : first_) {
    std::string text = py::str(name);
    std::replace(text.begin(), text.end(), '_', '-');
    if (PyCodec_KnownEncoding(text.c_str()) == 0) PyErr_Clear();
  }
}

}  // namespace pml::zygote
