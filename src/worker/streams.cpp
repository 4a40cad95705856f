#include "worker/streams.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>

#include "base/unique_fd.hpp"
#include "worker/compat.hpp"
#include "worker/interpreter.hpp"
#include "worker/python.hpp"

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

struct Prepared {
  Ref streams[k_prepared_kinds][3];  // by kind and number
  RunOptions options;                // what they are made for
};

Prepared& prepared() {
  static auto* const instance = new Prepared;
  return *instance;
}

Kind kind_of(int number) {
  struct stat info {};
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
  const Ref raw = raw_only ? buffer : Ref::steal(PyObject_GetAttrString(buffer.get(), "raw"));
  const Ref title = Ref::steal(PyUnicode_FromString(stream.title));
  if (!raw || !title || PyObject_SetAttrString(raw.get(), "name", title.get()) != 0) return {};
  const Ref terminal = Ref::steal(PyObject_CallMethod(raw.get(), "isatty", nullptr));
  if (!terminal) return {};
  const bool by_line =
      !options.unbuffered && (PyObject_IsTrue(terminal.get()) == 1 || stream.number == 2);
  Ref text = Ref::steal(PyObject_CallFunction(baseline().text_wrapper.get(), "OsssOO", buffer.get(),
                                              encoding, errors, "\n", by_line ? Py_True : Py_False,
                                              options.unbuffered ? Py_True : Py_False));
  if (!text) return {};
  const Ref mode = Ref::steal(PyUnicode_FromString(stream.writes ? "w" : "r"));
  if (!mode || PyObject_SetAttrString(text.get(), "mode", mode.get()) != 0) return {};
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
  if (Ref::steal(PyObject_CallMethod(stream, "flush", nullptr))) return true;
  if (report) compat::show_failed_flush(stream);
  PyErr_Clear();
  return false;
}

}  // namespace

namespace {

void prepare_kind(Kind kind) {
  const RunOptions& options = prepared().options;
  const char* errors = default_errors(options.locale.escape_errors);
  for (const Stream& stream : k_streams)
    prepared().streams[static_cast<int>(kind)][stream.number] =
        open_stream(stream, options, "utf-8", stream.number == 2 ? "backslashreplace" : errors);
}

/// A stream made ahead that is what a new one would be; null where there is none.
Ref take_prepared(const Stream& stream, const RunOptions& options) {
  if (!options.io_encoding.empty() || !options.io_errors.empty()) return {};
  const Kind kind = kind_of(stream.number);
  const RunOptions& made_for = prepared().options;
  if (kind == Kind::other || options.unbuffered != made_for.unbuffered) return {};
  Ref taken = prepared().streams[static_cast<int>(kind)][stream.number];
  if (!taken || stream.number == 2 || options.locale.escape_errors == made_for.locale.escape_errors)
    return taken;
  const Ref reconfigure = attribute(taken.get(), "reconfigure");
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
  for (const Stream& stream : k_streams) {
    Ref object = take_prepared(stream, options);
    if (!object)
      object = open_stream(stream, options, encoding.c_str(),
                           stream.number == 2 ? "backslashreplace" : errors.c_str());
    if (!object || PySys_SetObject(stream.kept_name, object.get()) != 0 ||
        PySys_SetObject(stream.name, object.get()) != 0)
      return false;
  }
  return true;
}

bool flush_streams() {
  const bool out = flush_one(PySys_GetObject("stdout"), true);
  const bool err = flush_one(PySys_GetObject("stderr"), false);
  return out && err;
}

void flush_streams_silently() {
  (void)flush_one(PySys_GetObject("stdout"), false);
  (void)flush_one(PySys_GetObject("stderr"), false);
}

}  // namespace pml::worker
