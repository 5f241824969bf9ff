# SSE2 and later: integers. MMX.

.include "cases.inc"

i movd_load, movd xmm0, eax
i movd_store, movd eax, xmm0
i movq_load, movq xmm0, [ebx]
i movdqa_load, movdqa xmm0, [ebx]
i movdqu_load, movdqu xmm0, [ebx]
i movdqa_store, movdqa [ebx], xmm0
i paddd, paddd xmm0, xmm1
i paddd_mem, paddd xmm0, [ebx]
i paddq, paddq xmm0, xmm1
i paddusb, paddusb xmm0, xmm1
i psubw, psubw xmm0, xmm1
i pmullw, pmullw xmm0, xmm1
i pmulhw, pmulhw xmm0, xmm1
i pmuludq, pmuludq xmm0, xmm1
i pmaddwd, pmaddwd xmm0, xmm1
i psadbw, psadbw xmm0, xmm1
i pand, pand xmm0, xmm1
i pandn, pandn xmm0, xmm1
i pxor_zero, pxor xmm0, xmm0
i pcmpeqb, pcmpeqb xmm0, xmm1
i pcmpgtd, pcmpgtd xmm0, xmm1
i pmovmskb, pmovmskb eax, xmm0
i pmaxub, pmaxub xmm0, xmm1
i pslld_imm, pslld xmm0, 5
i psrlq_imm, psrlq xmm0, 9
i psrad_reg, psrad xmm0, xmm1
i psrldq, psrldq xmm0, 4
i pshufd, pshufd xmm0, xmm1, 0x4e
i pshuflw, pshuflw xmm0, xmm1, 0xb1
i punpcklbw, punpcklbw xmm0, xmm1
i punpckhdq, punpckhdq xmm0, xmm1
i packuswb, packuswb xmm0, xmm1
i pshufb, pshufb xmm0, xmm1
i pinsrw, pinsrw xmm0, eax, 3
i pextrw, pextrw eax, xmm0, 3
i pminsd, pminsd xmm0, xmm1
i paddb_mmx, paddb mm0, mm1
i movq_mmx_load, movq mm0, [ebx]
i emms, emms
