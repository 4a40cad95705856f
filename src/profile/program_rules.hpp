#pragma once

#include "profile/schema.hpp"

namespace pml::profile {

/// [program]: tables that each declare a program.
void set_programs(const Scope& scope, const Node& node);

/// [learn]
void set_learnt(const Scope& scope, const Node& node);
void set_learn_memory(const Scope& scope, const Node& node);
void set_learn_most(const Scope& scope, const Node& node);

/// After the last file: a problem for each program that does not say what it is.
void check_programs(Draft& draft);

}  // namespace pml::profile
