#pragma once

#include "image/format.hpp"

extern "C" {

/// Notes where it was called. Returns null then, and once more, with what the client gives, in each
/// process that is restored from an image that holds `registers`.
[[gnu::returns_twice]] const pml::image::Restored* pml_image_note(pml::image::Registers* registers);

/// Goes on where pml_image_note was called; the image's memory is in place.
[[noreturn]] void pml_image_go_on(const pml::image::Registers* registers,
                                  const pml::image::Restored* restored);
}
