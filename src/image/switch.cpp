#include "image/switch.hpp"

#include <cstddef>

#if defined(__x86_64__)

static_assert(offsetof(pml::image::Registers, rsp) == 48 &&
              offsetof(pml::image::Registers, mxcsr) == 64);

__asm__(
    ".text\n"
    ".globl pml_image_note\n"
    ".hidden pml_image_note\n"
    ".type pml_image_note, @function\n"
    "pml_image_note:\n"
    "  mov %rbx, (%rdi)\n"
    "  mov %rbp, 8(%rdi)\n"
    "  mov %r12, 16(%rdi)\n"
    "  mov %r13, 24(%rdi)\n"
    "  mov %r14, 32(%rdi)\n"
    "  mov %r15, 40(%rdi)\n"
    "  lea 8(%rsp), %rdx\n"
    "  mov %rdx, 48(%rdi)\n"
    "  mov (%rsp), %rdx\n"
    "  mov %rdx, 56(%rdi)\n"
    "  stmxcsr 64(%rdi)\n"
    "  fnstcw 68(%rdi)\n"
    "  xor %eax, %eax\n"
    "  ret\n"
    ".size pml_image_note, . - pml_image_note\n"
    ".globl pml_image_go_on\n"
    ".hidden pml_image_go_on\n"
    ".type pml_image_go_on, @function\n"
    "pml_image_go_on:\n"
    "  mov (%rdi), %rbx\n"
    "  mov 8(%rdi), %rbp\n"
    "  mov 16(%rdi), %r12\n"
    "  mov 24(%rdi), %r13\n"
    "  mov 32(%rdi), %r14\n"
    "  mov 40(%rdi), %r15\n"
    "  ldmxcsr 64(%rdi)\n"
    "  fldcw 68(%rdi)\n"
    "  mov 48(%rdi), %rsp\n"
    "  mov %rsi, %rax\n"
    "  jmp *56(%rdi)\n"
    ".size pml_image_go_on, . - pml_image_go_on\n");

#else

// Nobody restores here, so nobody goes on.
const pml::image::Restored* pml_image_note(pml::image::Registers*) {
  return nullptr;
}

#endif
