#include "worker/streams.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/unique_fd.hpp"
#include "worker/compat/config.hpp"
#include "worker/compat/messages.hpp"
#include "worker/interpreter.hpp"
#include "worker/python.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

namespace {

struct Stream {
  int number;
  const char* name;
  const char* kept_name;
  const char* title;
  bool writes;
};

constexpr Stream k_streams[] = {{0, "stdin", "__stdin__", "<stdin>", false},
                                {1, "stdout", "__stdout__", "<stdout>", true},
                                {2, "stderr", "__stderr__", "<stderr>", true}};

/// Descriptors for which a stream can be made ahead: none of them has a place in a file, which a
/// stream remembers, or is a terminal, which it asks about.
enum class Kind { pipe, null_device, other };
constexpr int k_prepared_kinds = 2;
constexpr blksize_t k_block_size = 4096;

/// The layers of a stream: the text wrapper, its buffer where it has one, the file.
struct Layers {
  Ref text, buffer, raw;
};

struct Prepared {
  Layers streams[k_prepared_kinds][3];  // by kind and number
  RunOptions options;                   // what they are made for
};

/// A stream that the interpreter started with, and what its layers hold now that was another's.
struct Original {
  Layers own;
  Layers lender;
};

Original* originals() {
  static auto* const instance = new Original[3];
  return instance;
}

Prepared& prepared() {
  static auto* const instance = new Prepared;
  return *instance;
}

Kind kind_of(int number) {
  struct stat info = {};
  if (::fstat(number, &info) != 0 || info.st_blksize != k_block_size) return Kind::other;
  if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) return Kind::pipe;
  if (S_ISCHR(info.st_mode) && info.st_rdev == ::makedev(1, 3)) return Kind::null_device;
  return Kind::other;
}

const char* default_errors(bool escape) {
  return escape ? "surrogateescape" : "strict";
}

Ref open_stream(const Stream& stream, const RunOptions& options, const char* encoding,
                const char* errors) {
  if (::fcntl(stream.number, F_GETFD) < 0) return Ref::borrow(Py_None);
  const bool raw_only = options.unbuffered && stream.writes;
  const Ref buffer = Ref::steal(PyObject_CallFunction(
      baseline().open.get(), "isiOOOO", stream.number, stream.writes ? "wb" : "rb",
      raw_only ? 0 : -1, Py_None, Py_None, Py_None, Py_False));
  if (!buffer) return {};
  const Ref raw = raw_only ? buffer : attribute(buffer.get(), "raw");
  const Ref title = Ref::steal(PyUnicode_FromString(stream.title));
  if (!raw || !title || PyObject_SetAttr(raw.get(), interned("name"), title.get()) != 0) return {};
  const Ref terminal = call_method(raw.get(), "isatty");
  if (!terminal) return {};
  const bool by_line =
      !options.unbuffered && (PyObject_IsTrue(terminal.get()) == 1 || stream.number == 2);
  Ref text = Ref::steal(PyObject_CallFunction(baseline().text_wrapper.get(), "OsssOO", buffer.get(),
                                              encoding, errors, "\n", by_line ? Py_True : Py_False,
                                              options.unbuffered ? Py_True : Py_False));
  if (!text) return {};
  const Ref mode = Ref::steal(PyUnicode_FromString(stream.writes ? "w" : "r"));
  if (!mode || PyObject_SetAttr(text.get(), interned("mode"), mode.get()) != 0) return {};
  return text;
}

/// The name the codec itself goes by; empty, with an exception set, for an unknown one.
std::string codec_name(const std::string& encoding) {
  const Ref codecs = Ref::steal(PyImport_ImportModule("_codecs"));
  const Ref found =
      codecs ? Ref::steal(PyObject_CallMethod(codecs.get(), "lookup", "s", encoding.c_str()))
             : Ref();
  const Ref name = found ? Ref::steal(PyObject_GetAttrString(found.get(), "name")) : Ref();
  const char* text = name ? PyUnicode_AsUTF8(name.get()) : nullptr;
  return text != nullptr ? text : "";
}

bool flush_one(PyObject* stream, bool report) {
  if (stream == nullptr || stream == Py_None) return true;
  const Ref closed = attribute(stream, "closed");
  if (closed && PyObject_IsTrue(closed.get()) == 1) return true;
  PyErr_Clear();
  if (call_method(stream, "flush")) return true;
  if (report) compat::show_failed_flush(stream);
  PyErr_Clear();
  return false;
}

Layers layers_of(const Ref& text) {
  Layers layers{text, {}, attribute(text.get(), "buffer")};
  if (Ref raw = attribute(layers.raw.get(), "raw"))
    layers.buffer = std::exchange(layers.raw, std::move(raw));
  return layers;
}

/// Exchanges all that two objects of one built-in type are, but who refers to them.
void swap_contents(PyObject* one, PyObject* other) {
  const PyTypeObject* type = Py_TYPE(one);
  const auto own = [](PyObject* object) { return reinterpret_cast<char*>(object); };
  const std::size_t weak =
      static_cast<std::size_t>(std::max<Py_ssize_t>(type->tp_weaklistoffset, 0));
  for (std::size_t at = sizeof(PyObject); at < static_cast<std::size_t>(type->tp_basicsize); ++at)
    if (weak == 0 || at < weak || at >= weak + sizeof(PyObject*))
      std::swap(own(one)[at], own(other)[at]);
}

/// Where the object points to one of the first of the pairs, it points to the second from then on,
/// and the other way round.
void swap_pointers(PyObject* object, const std::array<std::pair<PyObject*, PyObject*>, 2>& pairs) {
  constexpr std::size_t k_word = sizeof(void*);
  auto* words = reinterpret_cast<PyObject**>(object);
  const std::size_t count = static_cast<std::size_t>(Py_TYPE(object)->tp_basicsize) / k_word;
  for (std::size_t at = sizeof(PyObject) / k_word; at < count; ++at)
    for (const auto& [one, other] : pairs) {
      if (words[at] == nullptr || one == nullptr || other == nullptr) continue;
      if (words[at] == one)
        words[at] = other;
      else if (words[at] == other)
        words[at] = one;
    }
}

bool same_type(const Ref& one, const Ref& other) {
  return one && other && Py_IS_TYPE(one.get(), Py_TYPE(other.get()));
}

/// Exchanges what two streams are, layer by layer, where both have one: whoever kept a layer of the
/// one has that of the other. To be done twice is to be undone.
void swap_streams(const Layers& one, const Layers& other) {
  const bool buffers = same_type(one.buffer, other.buffer);
  const bool raws = same_type(one.raw, other.raw);
  const auto pair = [](bool both, const Ref& first, const Ref& second) {
    return both ? std::pair(first.get(), second.get()) : std::pair<PyObject*, PyObject*>();
  };
  const std::array pairs{pair(buffers, one.buffer, other.buffer), pair(raws, one.raw, other.raw)};
  swap_contents(one.text.get(), other.text.get());
  if (buffers) swap_contents(one.buffer.get(), other.buffer.get());
  if (raws) swap_contents(one.raw.get(), other.raw.get());
  for (const Ref* object : {&one.text, &other.text, &one.buffer, &other.buffer})
    if (*object) swap_pointers(object->get(), pairs);
}

/// The interpreter's first stream of that number, made what `fresh` is, which is not to be used
/// from then on; or `fresh`, where it had none. What preloads kept of sys.stdout is the job's.
Ref put_in_place(int number, const Layers& fresh) {
  Original& original = originals()[number];
  if (!same_type(original.own.text, fresh.text)) return fresh.text;
  if (original.lender.text) swap_streams(original.own, original.lender);
  original.lender = fresh;
  swap_streams(original.own, original.lender);
  return original.own.text;
}

/// There is no such stream, and no preload must write to the one that it kept: what goes there is
/// lost, as what python3 prints to None is.
void put_nothing_in_place(int number) {
  const Ref io = Ref::steal(PyImport_ImportModule("_io"));
  const Ref nowhere = call_method(io.get(), "BytesIO");
  const Ref text =
      nowhere ? Ref::steal(PyObject_CallOneArg(baseline().text_wrapper.get(), nowhere.get()))
              : Ref();
  if (text) (void)put_in_place(number, layers_of(text));
  PyErr_Clear();
}

/// What threading's main thread keeps of it.
void tell_main_thread() {
  const Ref main = attribute(preloaded("threading"), "_main_thread");
  if (main && PyObject_SetAttrString(main.get(), "_stderr", Py_None) != 0) PyErr_Clear();
}

void give_back() {
  for (int number = 0; number < 3; ++number) {
    Original& original = originals()[number];
    if (original.lender.text) swap_streams(original.own, original.lender);
    (void)original.lender.text.release();  // its end would be the job's to wait for
    original.lender = {};
  }
}

void prepare_kind(Kind kind) {
  const RunOptions& options = prepared().options;
  const char* errors = default_errors(options.locale.escape_errors);
  for (const Stream& stream : k_streams)
    if (const Ref text =
            open_stream(stream, options, "utf-8", stream.number == 2 ? "backslashreplace" : errors))
      prepared().streams[static_cast<int>(kind)][stream.number] = layers_of(text);
}

/// A stream made ahead that is what a new one would be; nothing where there is none.
Layers take_prepared(const Stream& stream, const RunOptions& options) {
  if (!options.io_encoding.empty() || !options.io_errors.empty()) return {};
  const Kind kind = kind_of(stream.number);
  const RunOptions& made_for = prepared().options;
  if (kind == Kind::other || options.unbuffered != made_for.unbuffered) return {};
  Layers taken = prepared().streams[static_cast<int>(kind)][stream.number];
  if (!taken.text || stream.number == 2 ||
      options.locale.escape_errors == made_for.locale.escape_errors)
    return taken;
  const Ref reconfigure = attribute(taken.text.get(), "reconfigure");
  const Ref none = Ref::steal(PyTuple_New(0));
  const Ref names =
      Ref::steal(Py_BuildValue("{s:s}", "errors", default_errors(options.locale.escape_errors)));
  if (!reconfigure || !Ref::steal(PyObject_Call(reconfigure.get(), none.get(), names.get()))) {
    PyErr_Clear();
    return {};
  }
  return taken;
}

}  // namespace

void remember_streams() {
  for (const Stream& stream : k_streams) {
    PyObject* const text = PySys_GetObject(stream.kept_name);
    if (text != nullptr &&
        Py_IS_TYPE(text, reinterpret_cast<PyTypeObject*>(baseline().text_wrapper.get())))
      originals()[stream.number].own = layers_of(Ref::borrow(text));
  }
}

void prepare_streams(const RunOptions& options) {
  base::UniqueFd saved[3];
  for (int number = 0; number < 3; ++number)
    saved[number] = base::duplicate(base::BorrowedFd(number), 3);
  int ends[2] = {-1, -1};
  const base::UniqueFd null_device(base::k_adopt, ::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (::pipe2(ends, O_CLOEXEC) == 0 && null_device.valid()) {
    const base::UniqueFd reading(base::k_adopt, ends[0]);
    const base::UniqueFd writing(base::k_adopt, ends[1]);
    prepared().options = options;
    for (const Kind kind : {Kind::pipe, Kind::null_device}) {
      for (int number = 0; number < 3; ++number) {
        const base::UniqueFd& end = number == 0 ? reading : writing;
        (void)base::place(kind == Kind::pipe ? end.borrow() : null_device.borrow(), number);
      }
      prepare_kind(kind);
    }
  }
  PyErr_Clear();
  for (int number = 0; number < 3; ++number) {
    if (saved[number].valid())
      (void)base::place(saved[number].borrow(), number);
    else
      base::close_number(number);
  }
}

bool open_streams(const RunOptions& options) {
  const bool own_encoding = !options.io_encoding.empty();
  const std::string encoding = own_encoding ? codec_name(options.io_encoding) : "utf-8";
  if (encoding.empty()) return false;
  std::string errors = options.io_errors;
  if (errors.empty()) errors = default_errors(options.locale.escape_errors);
  if (options.unbuffered) {
    std::setvbuf(stdin, nullptr, _IONBF, BUFSIZ);
    std::setvbuf(stdout, nullptr, _IONBF, BUFSIZ);
    std::setvbuf(stderr, nullptr, _IONBF, BUFSIZ);
  }
  give_back();
  for (const Stream& stream : k_streams) {
    Layers fresh = take_prepared(stream, options);
    if (!fresh.text)
      fresh = layers_of(open_stream(stream, options, encoding.c_str(),
                                    stream.number == 2 ? "backslashreplace" : errors.c_str()));
    const Ref object = put_in_place(stream.number, fresh);
    if (!object || PySys_SetObject(stream.kept_name, object.get()) != 0 ||
        PySys_SetObject(stream.name, object.get()) != 0)
      return false;
    if (object.get() != Py_None) continue;
    put_nothing_in_place(stream.number);
    if (stream.number == 2) tell_main_thread();
  }
  return true;
}

void forget_streams() noexcept {
  for (const Stream& stream : k_streams) originals()[stream.number].own = {};
}

namespace {

/// What a program has set on the layers: for each a dict, or nothing.
std::vector<Ref> attributes_of(const Layers& layers) {
  std::vector<Ref> all;
  for (const Ref* layer : {&layers.text, &layers.buffer, &layers.raw}) {
    const Ref names = *layer ? attribute(layer->get(), "__dict__") : Ref();
    all.push_back(names ? Ref::steal(PyDict_Copy(names.get())) : Ref());
    PyErr_Clear();
  }
  return all;
}

bool give_attributes(const Layers& layers, const std::vector<Ref>& all) {
  std::size_t at = 0;
  for (const Ref* layer : {&layers.text, &layers.buffer, &layers.raw}) {
    const Ref& values = all[at++];
    if (!values) continue;
    const Ref names = attribute(layer->get(), "__dict__");
    if (!names || PyDict_Update(names.get(), values.get()) != 0) return false;
  }
  return true;
}

}  // namespace

bool renew_streams() {
  for (const Stream& stream : k_streams) {
    const Original& original = originals()[stream.number];
    if (!original.own.text) continue;
    RunOptions options;
    options.unbuffered = compat::config()->buffered_stdio == 0;
    const Ref encoding = attribute(original.own.text.get(), "encoding");
    const Ref errors = attribute(original.own.text.get(), "errors");
    const char* encoding_name = encoding ? PyUnicode_AsUTF8(encoding.get()) : nullptr;
    const char* errors_name = errors ? PyUnicode_AsUTF8(errors.get()) : nullptr;
    if (encoding_name == nullptr || errors_name == nullptr) return false;
    const Ref text = open_stream(stream, options, encoding_name, errors_name);
    if (!text) return false;
    if (text.get() == Py_None) continue;
    const std::vector<Ref> attributes = attributes_of(original.own);
    (void)put_in_place(stream.number, layers_of(text));
    if (!give_attributes(original.own, attributes)) return false;
  }
  return true;
}

bool flush_streams() {
  const bool out = flush_one(PySys_GetObject("stdout"), true);
  const bool err = flush_one(PySys_GetObject("stderr"), false);
  return out && err;
}

void rehearse_streams() {
  for (const auto& kind : prepared().streams)
    for (const int number : {1, 2}) (void)flush_one(kind[number].text.get(), false);
}

void flush_streams_silently() {
  (void)flush_one(PySys_GetObject("stdout"), false);
  (void)flush_one(PySys_GetObject("stderr"), false);
}

}  // namespace pml::worker
