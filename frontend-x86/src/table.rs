//! The table of instructions: mnemonic, meaning, and how the differential tests treat it.
//!
//! A row is `Mnemonic => function, policy;`. The policy is `fuzz` (compared with the hardware in all operand forms),
//! or `skip("why")` where the hardware's answer is not comparable.

/// Calls `$mac!` with every row.
#[macro_export]
macro_rules! for_each_mnemonic {
    ($mac:ident) => {
        $mac! {
            Add => $crate::semantics::arith::add, fuzz;
            Adc => $crate::semantics::arith::adc, fuzz;
            Sub => $crate::semantics::arith::sub, fuzz;
            Sbb => $crate::semantics::arith::sbb, fuzz;
            Cmp => $crate::semantics::arith::cmp, fuzz;
            Inc => $crate::semantics::arith::inc, fuzz;
            Dec => $crate::semantics::arith::dec, fuzz;
            Neg => $crate::semantics::arith::neg, fuzz;
            Xadd => $crate::semantics::arith::xadd, fuzz;
            And => $crate::semantics::logic::and, fuzz;
            Or => $crate::semantics::logic::or, fuzz;
            Xor => $crate::semantics::logic::xor, fuzz;
            Not => $crate::semantics::logic::not, fuzz;
            Test => $crate::semantics::logic::test, fuzz;
            Shl => $crate::semantics::shift::shl, fuzz;
            Sal => $crate::semantics::shift::shl, fuzz;
            Shr => $crate::semantics::shift::shr, fuzz;
            Sar => $crate::semantics::shift::sar, fuzz;
            Shld => $crate::semantics::shift::shld, fuzz;
            Shrd => $crate::semantics::shift::shrd, fuzz;
            Rol => $crate::semantics::rotate::rol, fuzz;
            Ror => $crate::semantics::rotate::ror, fuzz;
            Rcl => $crate::semantics::rotate::rcl, fuzz;
            Rcr => $crate::semantics::rotate::rcr, fuzz;
            Bt => $crate::semantics::bits::bt, fuzz;
            Bts => $crate::semantics::bits::bts, fuzz;
            Btr => $crate::semantics::bits::btr, fuzz;
            Btc => $crate::semantics::bits::btc, fuzz;
            Bsf => $crate::semantics::bits::bsf, fuzz;
            Bsr => $crate::semantics::bits::bsr, fuzz;
            Lzcnt => $crate::semantics::bmi::lzcnt, fuzz;
            Tzcnt => $crate::semantics::bmi::tzcnt, fuzz;
            Andn => $crate::semantics::bmi::andn, fuzz;
            Bextr => $crate::semantics::bmi::bextr, fuzz;
            Blsi => $crate::semantics::bmi::blsi, fuzz;
            Blsmsk => $crate::semantics::bmi::blsmsk, fuzz;
            Blsr => $crate::semantics::bmi::blsr, fuzz;
            Bzhi => $crate::semantics::bmi::bzhi, fuzz;
            Mulx => $crate::semantics::bmi::mulx, fuzz;
            Pdep => $crate::semantics::bmi::pdep, fuzz;
            Pext => $crate::semantics::bmi::pext, fuzz;
            Rorx => $crate::semantics::bmi::rorx, fuzz;
            Sarx => $crate::semantics::bmi::sarx, fuzz;
            Shlx => $crate::semantics::bmi::shlx, fuzz;
            Shrx => $crate::semantics::bmi::shrx, fuzz;
            Adcx => $crate::semantics::bmi::adcx, fuzz;
            Adox => $crate::semantics::bmi::adox, fuzz;
            Mul => $crate::semantics::mul_div::mul, fuzz;
            Imul => $crate::semantics::mul_div::imul, fuzz;
            Div => $crate::semantics::mul_div::div, fuzz;
            Idiv => $crate::semantics::mul_div::idiv, fuzz;
            Aaa => $crate::semantics::bcd::aaa, fuzz;
            Aas => $crate::semantics::bcd::aas, fuzz;
            Aam => $crate::semantics::bcd::aam, fuzz;
            Aad => $crate::semantics::bcd::aad, fuzz;
            Daa => $crate::semantics::bcd::daa, fuzz;
            Das => $crate::semantics::bcd::das, fuzz;
            Salc => $crate::semantics::bcd::salc, fuzz;
            Cmpxchg => $crate::semantics::atomic::cmpxchg, fuzz;
            Cmpxchg8b => $crate::semantics::atomic::cmpxchg8b, fuzz;
            Movsb => $crate::semantics::string::movs, fuzz;
            Movsw => $crate::semantics::string::movs, fuzz;
            Movsd => $crate::semantics::string::movs, fuzz;
            Cmpsb => $crate::semantics::string::cmps, fuzz;
            Cmpsw => $crate::semantics::string::cmps, fuzz;
            Cmpsd => $crate::semantics::string::cmps, fuzz;
            Stosb => $crate::semantics::string::stos, fuzz;
            Stosw => $crate::semantics::string::stos, fuzz;
            Stosd => $crate::semantics::string::stos, fuzz;
            Lodsb => $crate::semantics::string::lods, fuzz;
            Lodsw => $crate::semantics::string::lods, fuzz;
            Lodsd => $crate::semantics::string::lods, fuzz;
            Scasb => $crate::semantics::string::scas, fuzz;
            Scasw => $crate::semantics::string::scas, fuzz;
            Scasd => $crate::semantics::string::scas, fuzz;
            Mov => $crate::semantics::move_::mov, fuzz;
            Movzx => $crate::semantics::move_::movzx, fuzz;
            Movsx => $crate::semantics::move_::movsx, fuzz;
            Lea => $crate::semantics::move_::lea, fuzz;
            Xchg => $crate::semantics::move_::xchg, fuzz;
            Xlatb => $crate::semantics::move_::xlat, fuzz;
            Bswap => $crate::semantics::move_::bswap, fuzz;
            Movbe => $crate::semantics::move_::movbe, fuzz;
            Cbw => $crate::semantics::move_::cbw, fuzz;
            Cwde => $crate::semantics::move_::cwde, fuzz;
            Cwd => $crate::semantics::move_::cwd, fuzz;
            Cdq => $crate::semantics::move_::cdq, fuzz;
            Push => $crate::semantics::stack::push, fuzz;
            Pop => $crate::semantics::stack::pop, fuzz;
            Pusha => $crate::semantics::stack::pusha, fuzz;
            Pushad => $crate::semantics::stack::pusha, fuzz;
            Popa => $crate::semantics::stack::popa, fuzz;
            Popad => $crate::semantics::stack::popa, fuzz;
            Pushf => $crate::semantics::stack::pushf, fuzz;
            Pushfd => $crate::semantics::stack::pushf, fuzz;
            Popf => $crate::semantics::stack::popf, fuzz;
            Popfd => $crate::semantics::stack::popf, fuzz;
            Enter => $crate::semantics::stack::enter, fuzz;
            Leave => $crate::semantics::stack::leave, fuzz;
            Jmp => $crate::semantics::control::jmp, fuzz;
            Call => $crate::semantics::control::call, fuzz;
            Ret => $crate::semantics::control::ret, fuzz;
            Retf => $crate::semantics::control::retf, fuzz;
            Iret => $crate::semantics::control::iret, fuzz;
            Iretd => $crate::semantics::control::iret, fuzz;
            Int => $crate::semantics::control::int, fuzz;
            Int3 => $crate::semantics::control::int3, fuzz;
            Int1 => $crate::semantics::control::int1, fuzz;
            Into => $crate::semantics::control::into, fuzz;
            Bound => $crate::semantics::control::bound, fuzz;
            Loop => $crate::semantics::cond::loop_, fuzz;
            Loope => $crate::semantics::cond::loop_, fuzz;
            Loopne => $crate::semantics::cond::loop_, fuzz;
            Jcxz => $crate::semantics::cond::jcxz, fuzz;
            Jecxz => $crate::semantics::cond::jcxz, fuzz;
            Jo => $crate::semantics::cond::jcc, fuzz;
            Seto => $crate::semantics::cond::setcc, fuzz;
            Cmovo => $crate::semantics::cond::cmovcc, fuzz;
            Jno => $crate::semantics::cond::jcc, fuzz;
            Setno => $crate::semantics::cond::setcc, fuzz;
            Cmovno => $crate::semantics::cond::cmovcc, fuzz;
            Jb => $crate::semantics::cond::jcc, fuzz;
            Setb => $crate::semantics::cond::setcc, fuzz;
            Cmovb => $crate::semantics::cond::cmovcc, fuzz;
            Jae => $crate::semantics::cond::jcc, fuzz;
            Setae => $crate::semantics::cond::setcc, fuzz;
            Cmovae => $crate::semantics::cond::cmovcc, fuzz;
            Je => $crate::semantics::cond::jcc, fuzz;
            Sete => $crate::semantics::cond::setcc, fuzz;
            Cmove => $crate::semantics::cond::cmovcc, fuzz;
            Jne => $crate::semantics::cond::jcc, fuzz;
            Setne => $crate::semantics::cond::setcc, fuzz;
            Cmovne => $crate::semantics::cond::cmovcc, fuzz;
            Jbe => $crate::semantics::cond::jcc, fuzz;
            Setbe => $crate::semantics::cond::setcc, fuzz;
            Cmovbe => $crate::semantics::cond::cmovcc, fuzz;
            Ja => $crate::semantics::cond::jcc, fuzz;
            Seta => $crate::semantics::cond::setcc, fuzz;
            Cmova => $crate::semantics::cond::cmovcc, fuzz;
            Js => $crate::semantics::cond::jcc, fuzz;
            Sets => $crate::semantics::cond::setcc, fuzz;
            Cmovs => $crate::semantics::cond::cmovcc, fuzz;
            Jns => $crate::semantics::cond::jcc, fuzz;
            Setns => $crate::semantics::cond::setcc, fuzz;
            Cmovns => $crate::semantics::cond::cmovcc, fuzz;
            Jp => $crate::semantics::cond::jcc, fuzz;
            Setp => $crate::semantics::cond::setcc, fuzz;
            Cmovp => $crate::semantics::cond::cmovcc, fuzz;
            Jnp => $crate::semantics::cond::jcc, fuzz;
            Setnp => $crate::semantics::cond::setcc, fuzz;
            Cmovnp => $crate::semantics::cond::cmovcc, fuzz;
            Jl => $crate::semantics::cond::jcc, fuzz;
            Setl => $crate::semantics::cond::setcc, fuzz;
            Cmovl => $crate::semantics::cond::cmovcc, fuzz;
            Jge => $crate::semantics::cond::jcc, fuzz;
            Setge => $crate::semantics::cond::setcc, fuzz;
            Cmovge => $crate::semantics::cond::cmovcc, fuzz;
            Jle => $crate::semantics::cond::jcc, fuzz;
            Setle => $crate::semantics::cond::setcc, fuzz;
            Cmovle => $crate::semantics::cond::cmovcc, fuzz;
            Jg => $crate::semantics::cond::jcc, fuzz;
            Setg => $crate::semantics::cond::setcc, fuzz;
            Cmovg => $crate::semantics::cond::cmovcc, fuzz;
            Lds => $crate::semantics::segment::lds, fuzz;
            Les => $crate::semantics::segment::les, fuzz;
            Lfs => $crate::semantics::segment::lfs, fuzz;
            Lgs => $crate::semantics::segment::lgs, fuzz;
            Lss => $crate::semantics::segment::lss, fuzz;
            Lar => $crate::semantics::segment::lar, fuzz;
            Lsl => $crate::semantics::segment::lsl, fuzz;
            Verr => $crate::semantics::segment::verr, fuzz;
            Verw => $crate::semantics::segment::verw, fuzz;
            Cpuid => $crate::semantics::system::cpuid, skip("the processor is another one");
            Rdtsc => $crate::semantics::system::rdtsc, skip("reads a clock");
            Rdtscp => $crate::semantics::system::rdtscp, skip("reads a clock");
            Rdpid => $crate::semantics::system::rdpid, skip("the processor's number");
            Rdrand => $crate::semantics::system::rdrand, skip("random");
            Rdseed => $crate::semantics::system::rdrand, skip("random");
            Nop => $crate::semantics::system::nop, fuzz;
            Pause => $crate::semantics::system::nop, fuzz;
            Endbr32 => $crate::semantics::system::nop, fuzz;
            Endbr64 => $crate::semantics::system::nop, fuzz;
            Ud0 => $crate::semantics::system::undefined, fuzz;
            Ud1 => $crate::semantics::system::undefined, fuzz;
            Ud2 => $crate::semantics::system::undefined, fuzz;
            Monitor => $crate::semantics::system::undefined, fuzz;
            Mwait => $crate::semantics::system::undefined, fuzz;
            Clac => $crate::semantics::system::undefined, fuzz;
            Stac => $crate::semantics::system::undefined, fuzz;
            Sysenter => $crate::semantics::system::undefined, fuzz;
            Syscall => $crate::semantics::system::undefined, skip("not offered: a system call on this processor");
            Hlt => $crate::semantics::system::privileged, fuzz;
            Cli => $crate::semantics::system::privileged, fuzz;
            Sti => $crate::semantics::system::privileged, fuzz;
            In => $crate::semantics::system::privileged, fuzz;
            Out => $crate::semantics::system::privileged, fuzz;
            Mfence => $crate::semantics::system::fence, fuzz;
            Lfence => $crate::semantics::system::fence, fuzz;
            Sfence => $crate::semantics::system::fence, fuzz;
            Insb => $crate::semantics::system::privileged, fuzz;
            Insw => $crate::semantics::system::privileged, fuzz;
            Insd => $crate::semantics::system::privileged, fuzz;
            Outsb => $crate::semantics::system::privileged, fuzz;
            Outsw => $crate::semantics::system::privileged, fuzz;
            Outsd => $crate::semantics::system::privileged, fuzz;
            Lldt => $crate::semantics::system::privileged, fuzz;
            Ltr => $crate::semantics::system::privileged, fuzz;
            Lgdt => $crate::semantics::system::privileged, fuzz;
            Lidt => $crate::semantics::system::privileged, fuzz;
            Lmsw => $crate::semantics::system::privileged, fuzz;
            Clts => $crate::semantics::system::privileged, fuzz;
            Invlpg => $crate::semantics::system::privileged, fuzz;
            Invd => $crate::semantics::system::privileged, fuzz;
            Wbinvd => $crate::semantics::system::privileged, fuzz;
            Wrmsr => $crate::semantics::system::privileged, fuzz;
            Rdmsr => $crate::semantics::system::privileged, fuzz;
            Rdpmc => $crate::semantics::system::privileged, fuzz;
            Sysexit => $crate::semantics::system::privileged, fuzz;
            Sysret => $crate::semantics::system::privileged, fuzz;
            Sgdt => $crate::semantics::system::sgdt, fuzz;
            Sidt => $crate::semantics::system::sidt, fuzz;
            Sldt => $crate::semantics::system::sldt, fuzz;
            Str => $crate::semantics::system::str, fuzz;
            Smsw => $crate::semantics::system::smsw, fuzz;
            Arpl => $crate::semantics::system::arpl, fuzz;
            Clflush => $crate::semantics::system::clflush, fuzz;
            Clflushopt => $crate::semantics::system::clflush, fuzz;
            Clwb => $crate::semantics::system::clflush, fuzz;
            Reservednop => $crate::semantics::system::nop, fuzz;
            Prefetch => $crate::semantics::system::nop, fuzz;
            Prefetchw => $crate::semantics::system::nop, fuzz;
            Prefetchwt1 => $crate::semantics::system::nop, fuzz;
            Prefetchnta => $crate::semantics::system::nop, fuzz;
            Prefetcht0 => $crate::semantics::system::nop, fuzz;
            Prefetcht1 => $crate::semantics::system::nop, fuzz;
            Prefetcht2 => $crate::semantics::system::nop, fuzz;
            Prefetchit0 => $crate::semantics::system::nop, fuzz;
            Prefetchit1 => $crate::semantics::system::nop, fuzz;
            Cldemote => $crate::semantics::system::nop, fuzz;
            Rdsspd => $crate::semantics::system::nop, fuzz;
            Clc => $crate::semantics::system::clc, fuzz;
            Stc => $crate::semantics::system::stc, fuzz;
            Cmc => $crate::semantics::system::cmc, fuzz;
            Cld => $crate::semantics::system::cld, fuzz;
            Std => $crate::semantics::system::std, fuzz;
            Lahf => $crate::semantics::system::lahf, fuzz;
            Sahf => $crate::semantics::system::sahf, fuzz;
            Emms => $crate::semantics::mmx::emms, fuzz;
            Movntq => $crate::semantics::mmx::movq, fuzz;
            Maskmovq => $crate::semantics::mmx::maskmovq, fuzz;
            Movq2dq => $crate::semantics::mmx::movq2dq, fuzz;
            Movdq2q => $crate::semantics::mmx::movdq2q, fuzz;
            Pshufw => $crate::semantics::mmx::pshufw, fuzz;
            Movaps => $crate::semantics::sse::mov::aligned, fuzz;
            Movapd => $crate::semantics::sse::mov::aligned, fuzz;
            Movdqa => $crate::semantics::sse::mov::aligned, fuzz;
            Movntps => $crate::semantics::sse::mov::aligned, fuzz;
            Movntpd => $crate::semantics::sse::mov::aligned, fuzz;
            Movntdq => $crate::semantics::sse::mov::aligned, fuzz;
            Movups => $crate::semantics::sse::mov::unaligned, fuzz;
            Movupd => $crate::semantics::sse::mov::unaligned, fuzz;
            Movdqu => $crate::semantics::sse::mov::unaligned, fuzz;
            Movd => $crate::semantics::sse::mov::movd, fuzz;
            Movq => $crate::semantics::sse::mov::movq, fuzz;
            Movss => $crate::semantics::sse::mov::movss, fuzz;
            Movnti => $crate::semantics::sse::mov::movnti, fuzz;
            Maskmovdqu => $crate::semantics::sse::mov::maskmovdqu, fuzz;
            Pmovmskb => $crate::semantics::sse::mov::pmovmskb, fuzz;
            Movmskps => $crate::semantics::sse::mov::movmskps, fuzz;
            Movmskpd => $crate::semantics::sse::mov::movmskpd, fuzz;
            Pinsrw => $crate::semantics::sse::mov::pinsrw, fuzz;
            Pextrw => $crate::semantics::sse::mov::pextrw, fuzz;
            Movhlps => $crate::semantics::sse::mov::movhlps, fuzz;
            Movlhps => $crate::semantics::sse::mov::movlhps, fuzz;
            Ldmxcsr => $crate::semantics::sse::mov::ldmxcsr, fuzz;
            Stmxcsr => $crate::semantics::sse::mov::stmxcsr, fuzz;
            Movlps => $crate::semantics::sse::mov::movlps, fuzz;
            Movlpd => $crate::semantics::sse::mov::movlps, fuzz;
            Movhps => $crate::semantics::sse::mov::movhps, fuzz;
            Movhpd => $crate::semantics::sse::mov::movhps, fuzz;
            Andps => $crate::semantics::sse::logic::and, fuzz;
            Andpd => $crate::semantics::sse::logic::and, fuzz;
            Pand => $crate::semantics::sse::logic::and, fuzz;
            Andnps => $crate::semantics::sse::logic::andn, fuzz;
            Andnpd => $crate::semantics::sse::logic::andn, fuzz;
            Pandn => $crate::semantics::sse::logic::andn, fuzz;
            Orps => $crate::semantics::sse::logic::or, fuzz;
            Orpd => $crate::semantics::sse::logic::or, fuzz;
            Por => $crate::semantics::sse::logic::or, fuzz;
            Xorps => $crate::semantics::sse::logic::xor, fuzz;
            Xorpd => $crate::semantics::sse::logic::xor, fuzz;
            Pxor => $crate::semantics::sse::logic::xor, fuzz;
            Paddb => $crate::semantics::sse::integer::lanes, fuzz;
            Paddw => $crate::semantics::sse::integer::lanes, fuzz;
            Paddd => $crate::semantics::sse::integer::lanes, fuzz;
            Paddq => $crate::semantics::sse::integer::lanes, fuzz;
            Psubb => $crate::semantics::sse::integer::lanes, fuzz;
            Psubw => $crate::semantics::sse::integer::lanes, fuzz;
            Psubd => $crate::semantics::sse::integer::lanes, fuzz;
            Psubq => $crate::semantics::sse::integer::lanes, fuzz;
            Pcmpeqb => $crate::semantics::sse::integer::lanes, fuzz;
            Pcmpeqw => $crate::semantics::sse::integer::lanes, fuzz;
            Pcmpeqd => $crate::semantics::sse::integer::lanes, fuzz;
            Pcmpgtb => $crate::semantics::sse::integer::lanes, fuzz;
            Pcmpgtw => $crate::semantics::sse::integer::lanes, fuzz;
            Pcmpgtd => $crate::semantics::sse::integer::lanes, fuzz;
            Pminub => $crate::semantics::sse::integer::lanes, fuzz;
            Pmaxub => $crate::semantics::sse::integer::lanes, fuzz;
            Pminsw => $crate::semantics::sse::integer::lanes, fuzz;
            Pmaxsw => $crate::semantics::sse::integer::lanes, fuzz;
            Paddsb => $crate::semantics::sse::integer::out_of_line, fuzz;
            Paddsw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Paddusb => $crate::semantics::sse::integer::out_of_line, fuzz;
            Paddusw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Psubsb => $crate::semantics::sse::integer::out_of_line, fuzz;
            Psubsw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Psubusb => $crate::semantics::sse::integer::out_of_line, fuzz;
            Psubusw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pmullw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pmulhw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pmulhuw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pmuludq => $crate::semantics::sse::integer::multiply_even, fuzz;
            Pmaddwd => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pavgb => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pavgw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Psadbw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Packsswb => $crate::semantics::sse::integer::out_of_line, fuzz;
            Packssdw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Packuswb => $crate::semantics::sse::integer::out_of_line, fuzz;
            Psllw => $crate::semantics::sse::integer::shift, fuzz;
            Pslld => $crate::semantics::sse::integer::shift, fuzz;
            Psllq => $crate::semantics::sse::integer::shift, fuzz;
            Psrlw => $crate::semantics::sse::integer::shift, fuzz;
            Psrld => $crate::semantics::sse::integer::shift, fuzz;
            Psrlq => $crate::semantics::sse::integer::shift, fuzz;
            Psraw => $crate::semantics::sse::integer::shift, fuzz;
            Psrad => $crate::semantics::sse::integer::shift, fuzz;
            Punpcklbw => $crate::semantics::sse::shuffle::unpack, fuzz;
            Punpcklwd => $crate::semantics::sse::shuffle::unpack, fuzz;
            Punpckldq => $crate::semantics::sse::shuffle::unpack, fuzz;
            Punpcklqdq => $crate::semantics::sse::shuffle::unpack, fuzz;
            Punpckhbw => $crate::semantics::sse::shuffle::unpack, fuzz;
            Punpckhwd => $crate::semantics::sse::shuffle::unpack, fuzz;
            Punpckhdq => $crate::semantics::sse::shuffle::unpack, fuzz;
            Punpckhqdq => $crate::semantics::sse::shuffle::unpack, fuzz;
            Unpcklps => $crate::semantics::sse::shuffle::unpack, fuzz;
            Unpcklpd => $crate::semantics::sse::shuffle::unpack, fuzz;
            Unpckhps => $crate::semantics::sse::shuffle::unpack, fuzz;
            Unpckhpd => $crate::semantics::sse::shuffle::unpack, fuzz;
            Pshufd => $crate::semantics::sse::shuffle::pshuf, fuzz;
            Pshuflw => $crate::semantics::sse::shuffle::pshuf, fuzz;
            Pshufhw => $crate::semantics::sse::shuffle::pshuf, fuzz;
            Shufps => $crate::semantics::sse::shuffle::shufp, fuzz;
            Shufpd => $crate::semantics::sse::shuffle::shufp, fuzz;
            Pslldq => $crate::semantics::sse::shuffle::shift_bytes, fuzz;
            Psrldq => $crate::semantics::sse::shuffle::shift_bytes, fuzz;
            Fadd => $crate::semantics::x87::arith::fadd, fuzz;
            Fiadd => $crate::semantics::x87::arith::fadd, fuzz;
            Faddp => $crate::semantics::x87::arith::faddp, fuzz;
            Fmul => $crate::semantics::x87::arith::fmul, fuzz;
            Fimul => $crate::semantics::x87::arith::fmul, fuzz;
            Fmulp => $crate::semantics::x87::arith::fmulp, fuzz;
            Fsub => $crate::semantics::x87::arith::fsub, fuzz;
            Fisub => $crate::semantics::x87::arith::fsub, fuzz;
            Fsubp => $crate::semantics::x87::arith::fsubp, fuzz;
            Fsubr => $crate::semantics::x87::arith::fsubr, fuzz;
            Fisubr => $crate::semantics::x87::arith::fsubr, fuzz;
            Fsubrp => $crate::semantics::x87::arith::fsubrp, fuzz;
            Fdiv => $crate::semantics::x87::arith::fdiv, fuzz;
            Fidiv => $crate::semantics::x87::arith::fdiv, fuzz;
            Fdivp => $crate::semantics::x87::arith::fdivp, fuzz;
            Fdivr => $crate::semantics::x87::arith::fdivr, fuzz;
            Fidivr => $crate::semantics::x87::arith::fdivr, fuzz;
            Fdivrp => $crate::semantics::x87::arith::fdivrp, fuzz;
            Fcom => $crate::semantics::x87::compare::fcom, fuzz;
            Ficom => $crate::semantics::x87::compare::fcom, fuzz;
            Fcomp => $crate::semantics::x87::compare::fcomp, fuzz;
            Ficomp => $crate::semantics::x87::compare::fcomp, fuzz;
            Fcompp => $crate::semantics::x87::compare::fcompp, fuzz;
            Fucom => $crate::semantics::x87::compare::fucom, fuzz;
            Fucomp => $crate::semantics::x87::compare::fucomp, fuzz;
            Fucompp => $crate::semantics::x87::compare::fucompp, fuzz;
            Fcomi => $crate::semantics::x87::compare::fcomi, fuzz;
            Fcomip => $crate::semantics::x87::compare::fcomip, fuzz;
            Fucomi => $crate::semantics::x87::compare::fucomi, fuzz;
            Fucomip => $crate::semantics::x87::compare::fucomip, fuzz;
            Fld => $crate::semantics::x87::load_store::fld, fuzz;
            Fild => $crate::semantics::x87::load_store::fild, fuzz;
            Fbld => $crate::semantics::x87::load_store::fbld, fuzz;
            Fst => $crate::semantics::x87::load_store::fst, fuzz;
            Fstp => $crate::semantics::x87::load_store::fstp, fuzz;
            Fist => $crate::semantics::x87::load_store::fist, fuzz;
            Fistp => $crate::semantics::x87::load_store::fistp, fuzz;
            Fisttp => $crate::semantics::x87::load_store::fisttp, fuzz;
            Fbstp => $crate::semantics::x87::load_store::fbstp, fuzz;
            Fstpnce => $crate::semantics::x87::register::fstpnce, fuzz;
            Fxch => $crate::semantics::x87::register::fxch, fuzz;
            Ffree => $crate::semantics::x87::register::ffree, fuzz;
            Ffreep => $crate::semantics::x87::register::ffreep, fuzz;
            Fincstp => $crate::semantics::x87::register::fincstp, fuzz;
            Fdecstp => $crate::semantics::x87::register::fdecstp, fuzz;
            Fnop => $crate::semantics::x87::register::fnop, fuzz;
            Fchs => $crate::semantics::x87::register::fchs, fuzz;
            Fabs => $crate::semantics::x87::register::fabs, fuzz;
            Ftst => $crate::semantics::x87::register::ftst, fuzz;
            Fxam => $crate::semantics::x87::register::fxam, fuzz;
            Fld1 => $crate::semantics::x87::register::fld1, fuzz;
            Fldl2t => $crate::semantics::x87::register::fldl2t, fuzz;
            Fldl2e => $crate::semantics::x87::register::fldl2e, fuzz;
            Fldpi => $crate::semantics::x87::register::fldpi, fuzz;
            Fldlg2 => $crate::semantics::x87::register::fldlg2, fuzz;
            Fldln2 => $crate::semantics::x87::register::fldln2, fuzz;
            Fldz => $crate::semantics::x87::register::fldz, fuzz;
            F2xm1 => $crate::semantics::x87::register::f2xm1, fuzz;
            Fsqrt => $crate::semantics::x87::register::fsqrt, fuzz;
            Frndint => $crate::semantics::x87::register::frndint, fuzz;
            Fsin => $crate::semantics::x87::register::fsin, fuzz;
            Fcos => $crate::semantics::x87::register::fcos, fuzz;
            Fsincos => $crate::semantics::x87::register::fsincos, fuzz;
            Fptan => $crate::semantics::x87::register::fptan, fuzz;
            Fxtract => $crate::semantics::x87::register::fxtract, fuzz;
            Fscale => $crate::semantics::x87::register::fscale, fuzz;
            Fprem => $crate::semantics::x87::register::fprem, fuzz;
            Fprem1 => $crate::semantics::x87::register::fprem1, fuzz;
            Fyl2x => $crate::semantics::x87::register::fyl2x, fuzz;
            Fyl2xp1 => $crate::semantics::x87::register::fyl2xp1, fuzz;
            Fpatan => $crate::semantics::x87::register::fpatan, fuzz;
            Fcmovb => $crate::semantics::x87::register::fcmov, fuzz;
            Fcmove => $crate::semantics::x87::register::fcmov, fuzz;
            Fcmovbe => $crate::semantics::x87::register::fcmov, fuzz;
            Fcmovu => $crate::semantics::x87::register::fcmov, fuzz;
            Fcmovnb => $crate::semantics::x87::register::fcmov, fuzz;
            Fcmovne => $crate::semantics::x87::register::fcmov, fuzz;
            Fcmovnbe => $crate::semantics::x87::register::fcmov, fuzz;
            Fcmovnu => $crate::semantics::x87::register::fcmov, fuzz;
            Fninit => $crate::semantics::x87::control::fninit, fuzz;
            Fnclex => $crate::semantics::x87::control::fnclex, fuzz;
            Fldcw => $crate::semantics::x87::control::fldcw, fuzz;
            Fnstcw => $crate::semantics::x87::control::fnstcw, fuzz;
            Fnstsw => $crate::semantics::x87::control::fnstsw, fuzz;
            Wait => $crate::semantics::x87::control::wait, fuzz;
            Fneni => $crate::semantics::x87::control::nothing, fuzz;
            Fndisi => $crate::semantics::x87::control::nothing, fuzz;
            Fnsetpm => $crate::semantics::x87::control::nothing, fuzz;
            Fnstenv => $crate::semantics::x87::environment::fnstenv, fuzz;
            Fldenv => $crate::semantics::x87::environment::fldenv, fuzz;
            Fnsave => $crate::semantics::x87::environment::fnsave, fuzz;
            Fxsave => $crate::semantics::x87::state_image::fxsave, fuzz;
            Fxrstor => $crate::semantics::x87::state_image::fxrstor, fuzz;
            Frstor => $crate::semantics::x87::environment::frstor, fuzz;
            Addps => $crate::semantics::sse::arith::arith, fuzz;
            Addss => $crate::semantics::sse::arith::arith, fuzz;
            Addpd => $crate::semantics::sse::arith::arith, fuzz;
            Addsd => $crate::semantics::sse::arith::arith, fuzz;
            Subps => $crate::semantics::sse::arith::arith, fuzz;
            Subss => $crate::semantics::sse::arith::arith, fuzz;
            Subpd => $crate::semantics::sse::arith::arith, fuzz;
            Subsd => $crate::semantics::sse::arith::arith, fuzz;
            Mulps => $crate::semantics::sse::arith::arith, fuzz;
            Mulss => $crate::semantics::sse::arith::arith, fuzz;
            Mulpd => $crate::semantics::sse::arith::arith, fuzz;
            Mulsd => $crate::semantics::sse::arith::arith, fuzz;
            Divps => $crate::semantics::sse::arith::arith, fuzz;
            Divss => $crate::semantics::sse::arith::arith, fuzz;
            Divpd => $crate::semantics::sse::arith::arith, fuzz;
            Divsd => $crate::semantics::sse::arith::arith, fuzz;
            Minps => $crate::semantics::sse::arith::arith, fuzz;
            Minss => $crate::semantics::sse::arith::arith, fuzz;
            Minpd => $crate::semantics::sse::arith::arith, fuzz;
            Minsd => $crate::semantics::sse::arith::arith, fuzz;
            Maxps => $crate::semantics::sse::arith::arith, fuzz;
            Maxss => $crate::semantics::sse::arith::arith, fuzz;
            Maxpd => $crate::semantics::sse::arith::arith, fuzz;
            Maxsd => $crate::semantics::sse::arith::arith, fuzz;
            Sqrtps => $crate::semantics::sse::arith::arith, fuzz;
            Sqrtss => $crate::semantics::sse::arith::arith, fuzz;
            Sqrtpd => $crate::semantics::sse::arith::arith, fuzz;
            Sqrtsd => $crate::semantics::sse::arith::arith, fuzz;
            Rcpps => $crate::semantics::sse::arith::arith, fuzz;
            Rcpss => $crate::semantics::sse::arith::arith, fuzz;
            Rsqrtps => $crate::semantics::sse::arith::arith, fuzz;
            Rsqrtss => $crate::semantics::sse::arith::arith, fuzz;
            Cmpps => $crate::semantics::sse::compare::cmp, fuzz;
            Cmpss => $crate::semantics::sse::compare::cmp, fuzz;
            Cmppd => $crate::semantics::sse::compare::cmp, fuzz;
            Comiss => $crate::semantics::sse::compare::comis, fuzz;
            Ucomiss => $crate::semantics::sse::compare::comis, fuzz;
            Comisd => $crate::semantics::sse::compare::comis, fuzz;
            Ucomisd => $crate::semantics::sse::compare::comis, fuzz;
            Cvtss2sd => $crate::semantics::sse::convert::cvt_scalar, fuzz;
            Cvtsd2ss => $crate::semantics::sse::convert::cvt_scalar, fuzz;
            Cvtps2pd => $crate::semantics::sse::convert::cvt_packed, fuzz;
            Cvtpd2ps => $crate::semantics::sse::convert::cvt_packed, fuzz;
            Cvtdq2ps => $crate::semantics::sse::convert::cvt_packed, fuzz;
            Cvtdq2pd => $crate::semantics::sse::convert::cvt_packed, fuzz;
            Cvtps2dq => $crate::semantics::sse::convert::cvt_packed, fuzz;
            Cvttps2dq => $crate::semantics::sse::convert::cvt_packed, fuzz;
            Cvtpd2dq => $crate::semantics::sse::convert::cvt_packed, fuzz;
            Cvttpd2dq => $crate::semantics::sse::convert::cvt_packed, fuzz;
            Cvtpi2ps => $crate::semantics::sse::mmx_convert::cvtpi2ps, fuzz;
            Cvtpi2pd => $crate::semantics::sse::mmx_convert::cvtpi2pd, fuzz;
            Cvtps2pi => $crate::semantics::sse::mmx_convert::cvt_to_mmx, fuzz;
            Cvttps2pi => $crate::semantics::sse::mmx_convert::cvt_to_mmx, fuzz;
            Cvtpd2pi => $crate::semantics::sse::mmx_convert::cvt_to_mmx, fuzz;
            Cvttpd2pi => $crate::semantics::sse::mmx_convert::cvt_to_mmx, fuzz;
            Cvtsi2ss => $crate::semantics::sse::convert::cvt_from_register, fuzz;
            Cvtsi2sd => $crate::semantics::sse::convert::cvt_from_register, fuzz;
            Cvtss2si => $crate::semantics::sse::convert::cvt_to_register, fuzz;
            Cvttss2si => $crate::semantics::sse::convert::cvt_to_register, fuzz;
            Cvtsd2si => $crate::semantics::sse::convert::cvt_to_register, fuzz;
            Cvttsd2si => $crate::semantics::sse::convert::cvt_to_register, fuzz;
            Pshufb => $crate::semantics::sse::ssse3::pshufb, fuzz;
            Palignr => $crate::semantics::sse::ssse3::palignr, fuzz;
            Phaddw => $crate::semantics::sse::ssse3::horizontal, fuzz;
            Phaddd => $crate::semantics::sse::ssse3::horizontal, fuzz;
            Phaddsw => $crate::semantics::sse::ssse3::horizontal, fuzz;
            Phsubw => $crate::semantics::sse::ssse3::horizontal, fuzz;
            Phsubd => $crate::semantics::sse::ssse3::horizontal, fuzz;
            Phsubsw => $crate::semantics::sse::ssse3::horizontal, fuzz;
            Psignb => $crate::semantics::sse::ssse3::psign, fuzz;
            Psignw => $crate::semantics::sse::ssse3::psign, fuzz;
            Psignd => $crate::semantics::sse::ssse3::psign, fuzz;
            Pabsb => $crate::semantics::sse::ssse3::pabs, fuzz;
            Pabsw => $crate::semantics::sse::ssse3::pabs, fuzz;
            Pabsd => $crate::semantics::sse::ssse3::pabs, fuzz;
            Pmaddubsw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pmulhrsw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pmulld => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pmuldq => $crate::semantics::sse::integer::multiply_even, fuzz;
            Packusdw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Phminposuw => $crate::semantics::sse::integer::out_of_line, fuzz;
            Pminsb => $crate::semantics::sse::integer::lanes, fuzz;
            Pminsd => $crate::semantics::sse::integer::lanes, fuzz;
            Pminuw => $crate::semantics::sse::integer::lanes, fuzz;
            Pminud => $crate::semantics::sse::integer::lanes, fuzz;
            Pmaxsb => $crate::semantics::sse::integer::lanes, fuzz;
            Pmaxsd => $crate::semantics::sse::integer::lanes, fuzz;
            Pmaxuw => $crate::semantics::sse::integer::lanes, fuzz;
            Pmaxud => $crate::semantics::sse::integer::lanes, fuzz;
            Pcmpeqq => $crate::semantics::sse::integer::lanes, fuzz;
            Pcmpgtq => $crate::semantics::sse::integer::lanes, fuzz;
            Pmovsxbw => $crate::semantics::sse::extend::extend, fuzz;
            Pmovsxbd => $crate::semantics::sse::extend::extend, fuzz;
            Pmovsxbq => $crate::semantics::sse::extend::extend, fuzz;
            Pmovsxwd => $crate::semantics::sse::extend::extend, fuzz;
            Pmovsxwq => $crate::semantics::sse::extend::extend, fuzz;
            Pmovsxdq => $crate::semantics::sse::extend::extend, fuzz;
            Pmovzxbw => $crate::semantics::sse::extend::extend, fuzz;
            Pmovzxbd => $crate::semantics::sse::extend::extend, fuzz;
            Pmovzxbq => $crate::semantics::sse::extend::extend, fuzz;
            Pmovzxwd => $crate::semantics::sse::extend::extend, fuzz;
            Pmovzxwq => $crate::semantics::sse::extend::extend, fuzz;
            Pmovzxdq => $crate::semantics::sse::extend::extend, fuzz;
            Pblendw => $crate::semantics::sse::blend::by_immediate, fuzz;
            Blendps => $crate::semantics::sse::blend::by_immediate, fuzz;
            Blendpd => $crate::semantics::sse::blend::by_immediate, fuzz;
            Pblendvb => $crate::semantics::sse::blend::by_register, fuzz;
            Blendvps => $crate::semantics::sse::blend::by_register, fuzz;
            Blendvpd => $crate::semantics::sse::blend::by_register, fuzz;
            Pextrb => $crate::semantics::sse::element::extract, fuzz;
            Pextrd => $crate::semantics::sse::element::extract, fuzz;
            Extractps => $crate::semantics::sse::element::extract, fuzz;
            Pinsrb => $crate::semantics::sse::element::insert, fuzz;
            Pinsrd => $crate::semantics::sse::element::insert, fuzz;
            Insertps => $crate::semantics::sse::element::insertps, fuzz;
            Ptest => $crate::semantics::sse::sse41::ptest, fuzz;
            Mpsadbw => $crate::semantics::sse::sse41::mpsadbw, fuzz;
            Movntdqa => $crate::semantics::sse::mov::aligned, fuzz;
            Lddqu => $crate::semantics::sse::mov::unaligned, fuzz;
            Movddup => $crate::semantics::sse::horizontal::movddup, fuzz;
            Movsldup => $crate::semantics::sse::horizontal::duplicate, fuzz;
            Movshdup => $crate::semantics::sse::horizontal::duplicate, fuzz;
            Addsubps => $crate::semantics::sse::horizontal::addsub, fuzz;
            Addsubpd => $crate::semantics::sse::horizontal::addsub, fuzz;
            Haddps => $crate::semantics::sse::horizontal::horizontal, fuzz;
            Haddpd => $crate::semantics::sse::horizontal::horizontal, fuzz;
            Hsubps => $crate::semantics::sse::horizontal::horizontal, fuzz;
            Hsubpd => $crate::semantics::sse::horizontal::horizontal, fuzz;
            Roundps => $crate::semantics::sse::round::round, fuzz;
            Roundpd => $crate::semantics::sse::round::round, fuzz;
            Roundss => $crate::semantics::sse::round::round, fuzz;
            Roundsd => $crate::semantics::sse::round::round, fuzz;
            Dpps => $crate::semantics::sse::round::dot, fuzz;
            Dppd => $crate::semantics::sse::round::dot, fuzz;
            Pcmpestri => $crate::semantics::sse::string::index, fuzz;
            Pcmpistri => $crate::semantics::sse::string::index, fuzz;
            Pcmpestrm => $crate::semantics::sse::string::mask, fuzz;
            Pcmpistrm => $crate::semantics::sse::string::mask, fuzz;
            Crc32 => $crate::semantics::crc32::crc32, fuzz;
            Popcnt => $crate::semantics::bits::popcnt, fuzz;
            Aesenc => $crate::semantics::sse::crypto::of_two, fuzz;
            Aesenclast => $crate::semantics::sse::crypto::of_two, fuzz;
            Aesdec => $crate::semantics::sse::crypto::of_two, fuzz;
            Aesdeclast => $crate::semantics::sse::crypto::of_two, fuzz;
            Pclmulqdq => $crate::semantics::sse::crypto::of_two, fuzz;
            Gf2p8mulb => $crate::semantics::sse::crypto::of_two, fuzz;
            Gf2p8affineqb => $crate::semantics::sse::crypto::of_two, fuzz;
            Gf2p8affineinvqb => $crate::semantics::sse::crypto::of_two, fuzz;
            Sha1rnds4 => $crate::semantics::sse::crypto::sha, fuzz;
            Sha1nexte => $crate::semantics::sse::crypto::sha, fuzz;
            Sha1msg1 => $crate::semantics::sse::crypto::sha, fuzz;
            Sha1msg2 => $crate::semantics::sse::crypto::sha, fuzz;
            Sha256msg1 => $crate::semantics::sse::crypto::sha, fuzz;
            Sha256msg2 => $crate::semantics::sse::crypto::sha, fuzz;
            Aesimc => $crate::semantics::sse::crypto::of_one, fuzz;
            Aeskeygenassist => $crate::semantics::sse::crypto::of_one, fuzz;
            Sha256rnds2 => $crate::semantics::sse::crypto::sha, fuzz;
            Xsave => $crate::semantics::x87::xsave::save, fuzz;
            Xsaveopt => $crate::semantics::x87::xsave::save, fuzz;
            Xsavec => $crate::semantics::x87::xsave::save, fuzz;
            Xrstor => $crate::semantics::x87::xsave::restore, fuzz;
            Xgetbv => $crate::semantics::x87::xsave::xgetbv, skip("the processor has other state components");
            Xsetbv => $crate::semantics::system::privileged, fuzz;
            Xsaves => $crate::semantics::system::privileged, fuzz;
            Xrstors => $crate::semantics::system::privileged, fuzz;
        }
    };
}

/// How the differential tests treat a mnemonic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// Compared with the hardware in every operand form.
    Fuzz,
    /// Not compared, and why.
    Skip(&'static str),
}

macro_rules! policy {
    (fuzz) => {
        Policy::Fuzz
    };
    (skip($why:literal)) => {
        Policy::Skip($why)
    };
}

macro_rules! dispatch {
    ($($mnemonic:ident => $function:path, $policy:ident $(($why:literal))?;)*) => {
        /// Every implemented mnemonic with its policy.
        pub const MNEMONICS: &[(Mnemonic, Policy)] = &[$((Mnemonic::$mnemonic, policy!($policy $(($why))?))),*];

        impl<E: Emit> Meanings<E> {
            /// Row 0 is what has no row; the others follow in table order.
            const ALL: [Meaning<E>; MNEMONICS.len() + 1] = [unlisted, $($function),*];
        }
    };
}

use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf};
use crate::engine::Exception;
use iced_x86::Mnemonic;

/// A function that says what an instruction means.
pub type Meaning<E> = fn(&mut E, &Insn) -> FlowOf<E>;

struct Meanings<E>(core::marker::PhantomData<E>);

for_each_mnemonic!(dispatch);

/// The row of each mnemonic, or 0.
#[expect(clippy::cast_possible_truncation, reason = "there are fewer than 2048 mnemonics")]
static ROWS: [u16; 2048] = {
    let mut rows = [0; 2048];
    let mut n = 0;
    while n < MNEMONICS.len() {
        rows[MNEMONICS[n].0 as usize] = n as u16 + 1;
        n += 1;
    }
    rows
};

/// The number of a mnemonic's row, for [`Insn::row`]; 0 where it has none.
pub(crate) fn row(m: Mnemonic) -> u16 {
    ROWS.get(m as usize).copied().unwrap_or(0)
}

/// Whether a mnemonic is implemented.
#[must_use]
pub fn is_implemented(m: Mnemonic) -> bool {
    row(m) != 0
}

/// What has no row: a gate, or an instruction that this processor does not have.
fn unlisted<E: Emit>(_: &mut E, i: &Insn) -> FlowOf<E> {
    match i.gate() {
        Some(n) => Flow::Gate(n),
        None => Flow::Raise(Exception::InvalidOpcode),
    }
}

/// The meaning of an instruction.
#[inline]
#[must_use]
pub fn meaning<E: Emit>(i: &Insn) -> Meaning<E> {
    let all = &Meanings::<E>::ALL;
    // A row number comes from this table.
    all[usize::from(i.row())]
}

/// Emits one instruction: the gate, an implemented mnemonic, or #UD.
#[inline]
pub fn emit<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    meaning(i)(e, i)
}
