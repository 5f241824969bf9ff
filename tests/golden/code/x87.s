# The x87.

.include "cases.inc"

i fld_m32, fld dword ptr [ebx]
i fld_m64, fld qword ptr [ebx]
i fld_m80, fld tbyte ptr [ebx]
i fld_st, fld st(1)
i fld1, fld1
i fldz, fldz
i fild_m32, fild dword ptr [ebx]
i fild_m64, fild qword ptr [ebx]
i fst_m64, fst qword ptr [ebx]
i fstp_m32, fstp dword ptr [ebx]
i fstp_m64, fstp qword ptr [ebx]
i fstp_m80, fstp tbyte ptr [ebx]
i fstp_st, fstp st(1)
i fistp_m32, fistp dword ptr [ebx]
i fisttp_m32, fisttp dword ptr [ebx]
i fadd_st, fadd st, st(1)
i faddp, faddp
i fadd_m64, fadd qword ptr [ebx]
i fsub_m32, fsub dword ptr [ebx]
i fsubrp, fsubrp st(1), st
i fmul_st, fmul st, st(1)
i fmul_m64, fmul qword ptr [ebx]
i fdivp, fdivp st(1), st
i fdiv_m64, fdiv qword ptr [ebx]
i fchs, fchs
i fabs, fabs
i fsqrt, fsqrt
i fxch, fxch st(1)
i fcomp, fcomp st(1)
i fucomi, fucomi st, st(1)
i fnstcw, fnstcw [ebx]
i fldcw, fldcw [ebx]
i fsin, fsin
i frndint, frndint
