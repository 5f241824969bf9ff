# SSE and SSE2: floats.

.include "cases.inc"

i movss_load, movss xmm0, [ebx]
i movsd_load, movsd xmm0, [ebx]
i movsd_store, movsd [ebx], xmm0
i movaps_reg, movaps xmm0, xmm1
i movaps_load, movaps xmm0, [ebx]
i movups_load, movups xmm0, [ebx]
i movaps_store, movaps [ebx], xmm0
i movhps_load, movhps xmm0, [ebx]
i addss, addss xmm0, xmm1
i addsd, addsd xmm0, xmm1
i addsd_mem, addsd xmm0, [ebx]
i subsd, subsd xmm0, xmm1
i mulss, mulss xmm0, xmm1
i mulsd_mem, mulsd xmm0, [ebx]
i divsd, divsd xmm0, xmm1
i sqrtsd, sqrtsd xmm0, xmm1
i maxsd, maxsd xmm0, xmm1
i addps, addps xmm0, xmm1
i addpd, addpd xmm0, xmm1
i mulps_mem, mulps xmm0, [ebx]
i mulpd, mulpd xmm0, xmm1
i divps, divps xmm0, xmm1
i sqrtps, sqrtps xmm0, xmm1
i andps, andps xmm0, xmm1
i xorps_zero, xorps xmm0, xmm0
i cmpltps, cmpltps xmm0, xmm1
i cmpneqsd, cmpneqsd xmm0, xmm1
i ucomisd, ucomisd xmm0, xmm1
i shufps, shufps xmm0, xmm1, 0x1b
i unpcklpd, unpcklpd xmm0, xmm1
i movmskps, movmskps eax, xmm0
i cvtsi2sd, cvtsi2sd xmm0, eax
i cvttsd2si, cvttsd2si eax, xmm0
i cvtsd2si, cvtsd2si eax, xmm0
i cvtss2sd, cvtss2sd xmm0, xmm1
i cvtsd2ss, cvtsd2ss xmm0, xmm1
i cvtdq2ps, cvtdq2ps xmm0, xmm1
i cvttps2dq, cvttps2dq xmm0, xmm1
i ldmxcsr, ldmxcsr [ebx]
i stmxcsr, stmxcsr [ebx]
