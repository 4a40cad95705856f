#pragma once

namespace pml::worker {

/// Looks at what is to be renewed. To be called once, when the zygote has all its preloads.
void prepare_identity();

/// Gives a new worker for itself what a fork has copied and each python3 has of its own: the states
/// of random numbers, the number of its main thread, multiprocessing's key. (OpenSSL sees to
/// itself.)
void renew_identity();

/// The part of it that is multiprocessing's key.
void renew_multiprocessing();

/// The part of it that what is imported later can spoil: a seed.
void renew_random_numbers();

/// The part of it that every fork changes: threading.main_thread().native_id.
void renew_thread_number();

}  // namespace pml::worker
