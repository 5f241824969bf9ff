# Moves, addresses, the stack, control.

.include "cases.inc"

i mov_reg_reg, mov eax, ecx
i mov_reg_imm, mov eax, 0x12345678
i mov_reg_mem, mov eax, [ebx + 8]
i mov_reg_scaled, mov eax, [ebx + esi*4 + 0x12345]
i mov_reg_absolute, mov eax, ds:[0x20000010]
i mov_mem_reg, mov [ebx + 8], eax
i mov_mem_imm, mov dword ptr [ebx + 8], 7
i mov_byte_reg_mem, mov cl, [ebx]
i mov_byte_mem_high, mov [ebx], ah
i mov_word_reg_mem, mov cx, [ebx]
i mov_reg_gs, mov eax, gs:[0x14]
i movzx_byte_reg, movzx eax, cl
i movzx_byte_mem, movzx eax, byte ptr [ebx + 1]
i movzx_word_mem, movzx eax, word ptr [ebx + 2]
i movsx_byte_reg, movsx eax, ch
i movsx_word_mem, movsx eax, word ptr [ebx + 2]
i lea_sum, lea eax, [ebx + ecx]
i lea_scaled, lea eax, [ebx + ecx*8 - 24]
i lea_times_5, lea eax, [ecx + ecx*4]
i xchg_reg_reg, xchg eax, ecx
i bswap, bswap eax
i cdq, cdq
i cwde, cwde
ii cmove_reg, "test ecx, ecx", "cmove eax, edx"
ii cmovl_mem, "cmp ecx, edx", "cmovl eax, [ebx]"

i push_reg, push eax
i push_imm, push 0x1234
i push_mem, push dword ptr [ebx + 4]
i pop_reg, pop eax
i pop_mem, pop dword ptr [ebx + 4]
ii push_pop, "push eax", "pop ecx"
i pusha, pushad
i leave, leave
i enter, enter 16, 0
i pushf, pushfd
i popf, popfd
i lahf, lahf
i sahf, sahf

i jmp_direct, jmp elsewhere
i jmp_reg, jmp eax
i jmp_table, jmp [0x20000000 + eax*4]
i call_direct, call elsewhere
i call_reg, call eax
i call_mem, call [ebx + 8]
i ret, ret
i ret_imm, ret 8
i loop, loop .
i jecxz, jecxz .
i int_0x80, int 0x80
