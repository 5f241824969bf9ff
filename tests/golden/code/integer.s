# Integer arithmetic and logic, shifts, multiplication and division.

.include "cases.inc"

i add_reg_reg, add eax, ecx
i add_reg_imm, add eax, 12
i add_reg_mem, add eax, [ebx + 4]
i add_mem_reg, add [ebx + 4], eax
i add_mem_imm, add dword ptr [ebx + 4], 12
i add_byte, add cl, ch
i add_word_mem, add word ptr [ebx], cx
ii add_flags_dead, "add eax, ecx", "xor edx, edx"
i sub_reg_reg, sub eax, ecx
i sub_reg_mem, sub eax, [ebx + 4]
ii add_adc, "add eax, ecx", "adc edx, ebx"
ii sub_sbb, "sub eax, ecx", "sbb edx, ebx"
i inc_reg, inc eax
i dec_mem, dec dword ptr [ebx]
i neg_reg, neg eax
i cmp_reg_reg, cmp eax, ecx
i cmp_mem_imm, cmp byte ptr [ebx], 0x20

i and_reg_reg, and eax, ecx
i and_reg_imm, and eax, 0xff
i or_reg_mem, or eax, [ebx]
i xor_reg_reg, xor eax, ecx
i xor_zero, xor eax, eax
i xor_mem_reg, xor [ebx], eax
i not_reg, not eax
i test_reg_reg, test eax, eax
i test_mem_imm, test byte ptr [ebx], 4
i bt_reg_imm, bt eax, 5
i bt_reg_reg, bt eax, ecx
i bts_reg_imm, bts eax, 5
i bt_mem_reg, bt [ebx], ecx
i bsf, bsf eax, ecx
i bsr, bsr eax, ecx
i popcnt, popcnt eax, ecx

i shl_imm, shl eax, 4
i shl_1, shl eax, 1
i shl_cl, shl eax, cl
i shr_imm, shr eax, 4
i shr_cl, shr eax, cl
i shr_mem, shr dword ptr [ebx], 3
i sar_imm, sar eax, 31
i sar_cl, sar eax, cl
i rol_imm, rol eax, 7
i ror_cl, ror eax, cl
i rol_word, rol cx, 8
i rcl_1, rcl eax, 1
i rcr_1, rcr eax, 1
i shld_imm, shld eax, edx, 5
i shrd_cl, shrd eax, edx, cl

i imul_reg_reg, imul eax, ecx
i imul_reg_mem_imm, imul eax, [ebx], 100
i imul_wide, imul ecx
i mul_wide, mul ecx
i mul_mem, mul dword ptr [ebx]
i mul_byte, mul cl
i div_wide, div ecx
i div_byte, div cl
i idiv_wide, idiv ecx
ii cdq_idiv, "cdq", "idiv ecx"
i aam, aam
i daa, daa
