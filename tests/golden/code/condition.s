# Comparisons and what follows from them.
# `i name, instruction`: a case of that one instruction, which then leaves for other code. `ii`: of two.

.intel_syntax noprefix
.macro i name, insn:vararg
  .balign 16, 0xcc
  .globl \name
\name:
  \insn
  jmp elsewhere
.endm
.macro ii name, first, second
  .balign 16, 0xcc
  .globl \name
\name:
  \first
  \second
  jmp elsewhere
.endm

ii cmp_jo, "cmp eax, ecx", "jo elsewhere"
ii cmp_jno, "cmp eax, ecx", "jno elsewhere"
ii cmp_jb, "cmp eax, ecx", "jb elsewhere"
ii cmp_jae, "cmp eax, ecx", "jae elsewhere"
ii cmp_je, "cmp eax, ecx", "je elsewhere"
ii cmp_jne, "cmp eax, ecx", "jne elsewhere"
ii cmp_jbe, "cmp eax, ecx", "jbe elsewhere"
ii cmp_ja, "cmp eax, ecx", "ja elsewhere"
ii cmp_js, "cmp eax, ecx", "js elsewhere"
ii cmp_jns, "cmp eax, ecx", "jns elsewhere"
ii cmp_jp, "cmp eax, ecx", "jp elsewhere"
ii cmp_jnp, "cmp eax, ecx", "jnp elsewhere"
ii cmp_jl, "cmp eax, ecx", "jl elsewhere"
ii cmp_jge, "cmp eax, ecx", "jge elsewhere"
ii cmp_jle, "cmp eax, ecx", "jle elsewhere"
ii cmp_jg, "cmp eax, ecx", "jg elsewhere"

ii cmp_mem_jb, "cmp eax, [ebx]", "jb elsewhere"
ii cmp_imm_jge, "cmp eax, 100", "jge elsewhere"
ii cmp_byte_jne, "cmp byte ptr [ebx], 0x2d", "jne elsewhere"
ii test_je, "test eax, eax", "je elsewhere"
ii test_js, "test eax, eax", "js elsewhere"
ii test_byte_jne, "test al, 1", "jne elsewhere"
ii and_jne, "and eax, 7", "jne elsewhere"
ii sub_jae, "sub eax, ecx", "jae elsewhere"
ii dec_jne, "dec ecx", "jne elsewhere"
ii add_jo, "add eax, ecx", "jo elsewhere"
ii add_jb, "add eax, ecx", "jb elsewhere"
ii shr_jb, "shr eax, 1", "jb elsewhere"
ii bt_jb, "bt eax, ecx", "jb elsewhere"
i jcc_alone, jle elsewhere
ii cmp_sete, "cmp eax, ecx", "sete al"
ii cmp_setl, "cmp eax, ecx", "setl dl"
ii cmp_seta_mem, "cmp eax, ecx", "seta byte ptr [ebx]"
ii cmp_cmovb, "cmp eax, ecx", "cmovb edx, ebx"
ii cmp_sbb, "cmp eax, ecx", "sbb edx, edx"
ii ucomisd_ja, "ucomisd xmm0, xmm1", "ja elsewhere"
ii comiss_jp, "comiss xmm0, xmm1", "jp elsewhere"
ii fcomi_jb, "fcomi st, st(1)", "jb elsewhere"
ii fnstsw_sahf, "fnstsw ax", "sahf"
