#pragma once

/// MESSAGE_ID of every event in the journal; each has its text in config/pml.catalog.
namespace pml::log {

inline constexpr const char* k_service_ready = "0c4eb630d1514863bd83e7862011cb6e";
inline constexpr const char* k_service_stopping = "80e930920258446da1ca21033c529b23";
inline constexpr const char* k_service_reloading = "e846fc4801a14aad97afb8ddb038b0f1";
inline constexpr const char* k_profile_bad = "7a559754ee66443f9808e77dc8137070";
inline constexpr const char* k_service_failure = "091c346e4d054414a807d6a0ae564deb";
inline constexpr const char* k_service_idle = "c09976cb5eda461abf17f71a1540bc30";
inline constexpr const char* k_service_replaced = "3c1f0b9a0cf94bb8a1f6f5a9d1a3d4e7";
inline constexpr const char* k_zygote_warm = "e42b21bb873b4b1cbb1cdd450f3a9ef1";
inline constexpr const char* k_zygote_lost = "519c68fb003647cfa1840c63b149278f";
inline constexpr const char* k_zygote_hung = "bf83ecf41fd14e2e94ccdde9301741cc";
inline constexpr const char* k_preload_failed = "d7f710fc16434f3b83b1bf68df3ef2c2";
inline constexpr const char* k_preload_not_shared = "ce2c3285f6784b8c8cace0ecd2bd36ad";
inline constexpr const char* k_differs = "8d6a7c52b1f94b0d8e0f5c3a9be1d204";
inline constexpr const char* k_environment_learned = "b1f0c7b86c4f4f2e9a65d1b0a2c3e957";
inline constexpr const char* k_verified = "5d7e6d0b6f0c4f3a9a4b8b0c2f6f5a71";
inline constexpr const char* k_trial_blind = "b8c2d0f45c5b4f0e9f5b0f3c7a7de613";
inline constexpr const char* k_preload_quarantined = "0fc4a58997514b01a5f73d6749d7ad84";
inline constexpr const char* k_preload_stale = "59fae25fa5e646c38ae468ca6d436491";
inline constexpr const char* k_quirk_unknown = "9fb7a63fa385476c9d8316d7d01f9000";
inline constexpr const char* k_image_ready = "6a1d3c0f8f5e4d2b9c77f0f3b1e6a2d5";
inline constexpr const char* k_no_image = "b0c94f5e2f8a4f6e8d1be7a4c39d7f18";
inline constexpr const char* k_fork_failed = "936f5d2832204553af03230ad0c78648";
inline constexpr const char* k_memory_pressure = "13b5d174a2a44de080f7c53c09b670d1";
inline constexpr const char* k_job_started = "c496b8b82b764f43982f29b3d040757e";
inline constexpr const char* k_job_exited = "013ecc61cc5c4c6f98710028a1cf2af3";
inline constexpr const char* k_job_killed = "5fd74b98c1a54bb5acca96d9eaa3ea84";
inline constexpr const char* k_job_lost = "d76d671290c44b51bc3a2a62a9880fd8";
inline constexpr const char* k_request_refused = "46daf3c2852d43bfa75989d0aac9f7a5";
inline constexpr const char* k_worker_lost = "56d83ed0cdd745308f5da26139046582";
inline constexpr const char* k_program_ready = "01e1bf4cdc5f46aa9475e6dfc6250cbc";
inline constexpr const char* k_program_given_up = "35a760c9679a4573807cc08b34904038";
inline constexpr const char* k_program_trial_in_vain = "df9dbd36a12e4c709ec2c94291dbaa0e";
inline constexpr const char* k_program_failed = "37fc563640a64704a578eaa6e16cf7ed";
inline constexpr const char* k_program_stale = "362d4d26683f4e44995966b9a3333364";
inline constexpr const char* k_program_dropped = "e96cee5fc0094659b20e48a3845d014d";

}  // namespace pml::log
