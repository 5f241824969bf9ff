# String instructions, locked instructions.

.include "cases.inc"

i movsb, movsb
i movsd, movsd
i stosd, stosd
i lodsb, lodsb
i scasb, scasb
i cmpsb, cmpsb
i rep_movsb, rep movsb
i rep_movsd, rep movsd
i rep_stosd, rep stosd
i repne_scasb, repne scasb
i repe_cmpsb, repe cmpsb
i cld, cld

i lock_add, lock add [ebx], eax
i lock_inc, lock inc dword ptr [ebx]
i lock_xadd, lock xadd [ebx], eax
i xchg_mem, xchg [ebx], eax
i lock_cmpxchg, lock cmpxchg [ebx], ecx
i lock_cmpxchg8b, lock cmpxchg8b [ebx]
i mfence, mfence
i pause, pause
i rdtsc, rdtsc
i cpuid, cpuid
