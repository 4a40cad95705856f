#include "worker/numpy_seed.hpp"

#include <sys/random.h>

#include <array>
#include <cstring>

#include "worker/compat/objects.hpp"

namespace pml::worker {

namespace {

constexpr int k_pool_words = 4;
constexpr int k_shift = 16;

using Words = std::array<std::uint32_t, k_pool_words>;

/// numpy.random.SeedSequence's own, as its documentation defines them.
class Hash {
 public:
  Hash(std::uint32_t first, std::uint32_t factor) noexcept : constant_(first), factor_(factor) {}
  std::uint32_t operator()(std::uint32_t value) noexcept {
    value ^= constant_;
    constant_ *= factor_;
    value *= constant_;
    return value ^ (value >> k_shift);
  }

 private:
  std::uint32_t constant_;
  std::uint32_t factor_;
};

Words mix(const Words& entropy) noexcept {
  Hash hash(0x43b0d7e5U, 0x931e8875U);
  Words pool;
  for (std::size_t i = 0; i < pool.size(); ++i) pool[i] = hash(entropy[i]);
  for (std::size_t from = 0; from < pool.size(); ++from)
    for (std::size_t to = 0; to < pool.size(); ++to) {
      if (from == to) continue;
      const std::uint32_t mixed = 0xca01f9ddU * pool[to] - 0x4973f715U * hash(pool[from]);
      pool[to] = mixed ^ (mixed >> k_shift);
    }
  return pool;
}

/// The first word is not of the seed.
void generate(const std::uint32_t* pool, std::uint32_t* key, int count) noexcept {
  Hash hash(0x8b51f9ddU, 0x58f38dedU);
  for (int i = 0; i < count; ++i) {
    const std::uint32_t word = hash(pool[i % k_pool_words]);
    if (i > 0) key[i] = word;
  }
}

/// The number whose digits of 32 bits the words are, the lowest first.
Ref number_of(const Words& words) {
  std::array<unsigned char, sizeof(Words)> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<unsigned char>(words[i / 4] >> (i % 4 * 8));
  return compat::number_of_bytes(bytes.data(), bytes.size());
}

bool equal(PyObject* one, PyObject* other) {
  return one != nullptr && other != nullptr && PyObject_RichCompareBool(one, other, Py_EQ) == 1;
}

bool is_number(const Ref& number, long value) {
  return number && PyLong_Check(number.get()) && PyLong_AsLong(number.get()) == value;
}

/// The entropy as words; none where it is no whole number of as many bits.
std::optional<Words> words_of(PyObject* entropy) {
  if (entropy == nullptr || PyLong_CheckExact(entropy) == 0) return std::nullopt;
  const Ref bytes =
      Ref::steal(PyObject_CallMethod(entropy, "to_bytes", "is", k_pool_words * 4, "little"));
  Words words;
  if (!bytes || PyBytes_Size(bytes.get()) != sizeof words) return std::nullopt;
  std::memcpy(words.data(), PyBytes_AsString(bytes.get()), sizeof words);
  return words;
}

/// The memory of a buffer of exactly `size` bytes, which its owner keeps; null where it is another.
void* memory_of(PyObject* owner, std::size_t size) {
  Py_buffer view{};
  if (owner == nullptr || PyObject_GetBuffer(owner, &view, PyBUF_WRITABLE) != 0) return nullptr;
  void* const memory = static_cast<std::size_t>(view.len) == size ? view.buf : nullptr;
  PyBuffer_Release(&view);
  return memory;
}

/// The one place in the object that holds the other; null where there is none, or several.
PyObject** place_in(PyObject* object, PyObject* held) {
  auto* const words = reinterpret_cast<PyObject**>(object);
  PyObject** found = nullptr;
  const auto count = static_cast<std::size_t>(Py_TYPE(object)->tp_basicsize) / sizeof(PyObject*);
  for (std::size_t i = sizeof(PyObject) / sizeof(PyObject*); i < count; ++i) {
    if (words[i] != held) continue;
    if (found != nullptr) return nullptr;
    found = &words[i];
  }
  return found;
}

}  // namespace

std::optional<NumpySeed> NumpySeed::of(PyObject* generator) {
  static_assert(k_pool == k_pool_words);
  NumpySeed seed;
  const Ref bits = attribute(generator, "_bit_generator");
  seed.sequence_ = attribute(bits.get(), "_seed_seq");
  const Ref entropy = attribute(seed.sequence_.get(), "entropy");
  const auto words = words_of(entropy.get());
  if (!words || !is_number(attribute(seed.sequence_.get(), "n_children_spawned"), 0))
    return std::nullopt;
  seed.entropy_ = place_in(seed.sequence_.get(), entropy.get());
  const Ref pool = attribute(seed.sequence_.get(), "pool");
  seed.pool_ = static_cast<std::uint32_t*>(memory_of(pool.get(), sizeof(Words)));
  if (seed.entropy_ == nullptr || seed.pool_ == nullptr) return std::nullopt;

  const Ref capsule = attribute(bits.get(), "capsule");
  if (!capsule || PyCapsule_IsValid(capsule.get(), "BitGenerator") == 0) return std::nullopt;
  // The first member of numpy's bitgen_t.
  seed.state_ = *static_cast<State**>(PyCapsule_GetPointer(capsule.get(), "BitGenerator"));

  const Ref told = Ref::steal(PyObject_CallMethod(generator, "get_state", "i", 0));
  if (!told || PyDict_Check(told.get()) == 0) return std::nullopt;
  PyObject* const inner = PyDict_GetItemString(told.get(), "state");
  PyObject* const used = PyDict_GetItemString(told.get(), "has_gauss");
  const Ref kind = Ref::steal(PyUnicode_FromString("MT19937"));
  if (inner == nullptr || PyDict_Check(inner) == 0 || used == nullptr ||
      !is_number(Ref::borrow(used), 0) ||
      !equal(PyDict_GetItemString(told.get(), "bit_generator"), kind.get()))
    return std::nullopt;
  const void* const key = memory_of(PyDict_GetItemString(inner, "key"), sizeof(State::key));
  if (key == nullptr || std::memcmp(key, seed.state_->key, sizeof(State::key)) != 0 ||
      !is_number(Ref::borrow(PyDict_GetItemString(inner, "pos")), seed.state_->position))
    return std::nullopt;

  State fresh = *seed.state_;
  const Words mixed = mix(*words);
  generate(mixed.data(), fresh.key, k_words);
  const bool same = std::memcmp(mixed.data(), seed.pool_, sizeof mixed) == 0 &&
                    std::memcmp(fresh.key, seed.state_->key, sizeof fresh.key) == 0;
  return same ? std::optional(std::move(seed)) : std::nullopt;
}

bool NumpySeed::renew() noexcept {
  Words words;
  if (::getrandom(words.data(), sizeof words, 0) != static_cast<ssize_t>(sizeof words))
    return false;
  Ref entropy = number_of(words);
  if (!entropy) return false;
  const Ref before = Ref::steal(std::exchange(*entropy_, entropy.release()));
  const Words mixed = mix(words);
  std::memcpy(pool_, mixed.data(), sizeof mixed);
  generate(pool_, state_->key, k_words);
  return true;
}

}  // namespace pml::worker
