//! The table of what is computed out of line: functions on the processor state that both tiers call.
//!
//! A row names the helper, what of the state it touches, and its function. `Fpu` helpers write only the x87 unit, XMM
//! registers and MXCSR, and read besides these only what no engine caches (segments, descriptors), so general registers and flags may stay wherever the engine keeps them; before a `Whole`
//! helper the engine writes everything back, and reads everything again after it (EIP excepted).

use crate::emit::Width;
use crate::semantics::sse::float;
use crate::state::CpuState;

/// Arguments of a helper, zero-extended.
pub type HelperArgs = [u64; 4];
/// A scalar helper.
pub type HelperFn = fn(&mut CpuState, &HelperArgs) -> u64;
/// A vector helper: (state, a, b, immediate). Touches MXCSR only, and may read XMM0; returns the result.
pub type VecHelperFn = fn(&mut CpuState, u128, u128, u32) -> u128;

/// What of the state a helper touches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// x87, XMM, MXCSR.
    Fpu,
    /// Anything but EIP.
    Whole,
}

/// Calls `$mac!` with every scalar helper.
#[macro_export]
macro_rules! for_each_helper {
    ($mac:ident) => {
        $mac! {
            Cpuid => Whole, $crate::semantics::system::cpuid_helper;
            LoadSegment => Whole, $crate::semantics::segment::load_helper;
            LoadMxcsr => Fpu, $crate::semantics::sse::load_mxcsr_helper;
            StoreMxcsr => Fpu, $crate::semantics::sse::store_mxcsr_helper;
            CheckCodeSelector => Fpu, $crate::semantics::segment::check_code_helper;
            LoadCodeSegment => Whole, $crate::semantics::segment::load_code_helper;
            LdtSelector => Fpu, $crate::semantics::system::ldt_selector_helper;
            AccessRights => Fpu, $crate::semantics::segment::access_rights_helper;
            SegmentLimit => Fpu, $crate::semantics::segment::segment_limit_helper;
            VerifyRead => Fpu, $crate::semantics::segment::verify_read_helper;
            VerifyWrite => Fpu, $crate::semantics::segment::verify_write_helper;
            ParallelDeposit => Fpu, $crate::semantics::bmi::pdep_helper;
            ParallelExtract => Fpu, $crate::semantics::bmi::pext_helper;
            Crc32 => Fpu, $crate::semantics::crc32::crc32_helper;
            CompareStrings => Fpu, $crate::semantics::sse::string::compare_helper;
            X87Arith => Fpu, $crate::semantics::x87::arith::arith_helper;
            X87ArithMemory => Fpu, $crate::semantics::x87::arith::arith_memory_helper;
            X87Compare => Fpu, $crate::semantics::x87::compare::compare_helper;
            X87CompareMemory => Fpu, $crate::semantics::x87::compare::compare_memory_helper;
            X87Load => Fpu, $crate::semantics::x87::load_store::load_helper;
            X87StoreCheck => Fpu, $crate::semantics::x87::load_store::store_check_helper;
            X87StoreLow => Fpu, $crate::semantics::x87::load_store::store_low_helper;
            X87StoreHigh => Fpu, $crate::semantics::x87::load_store::store_high_helper;
            X87StoreCommit => Fpu, $crate::semantics::x87::load_store::store_commit_helper;
            X87Register => Fpu, $crate::semantics::x87::register::register_helper;
            X87ConditionalMove => Fpu, $crate::semantics::x87::register::conditional_move_helper;
            X87Initialize => Fpu, $crate::semantics::x87::control::initialize_helper;
            X87ClearExceptions => Fpu, $crate::semantics::x87::control::clear_exceptions_helper;
            X87SetControl => Fpu, $crate::semantics::x87::control::set_control_helper;
            X87ControlWord => Fpu, $crate::semantics::x87::control::control_word_helper;
            X87StatusWord => Fpu, $crate::semantics::x87::control::status_word_helper;
            X87EnvironmentWord => Fpu, $crate::semantics::x87::environment::environment_word_helper;
            X87MaskExceptions => Fpu, $crate::semantics::x87::environment::mask_exceptions_helper;
            X87RegisterLow => Fpu, $crate::semantics::x87::environment::register_low_helper;
            X87RegisterHigh => Fpu, $crate::semantics::x87::environment::register_high_helper;
            X87SetRegister => Fpu, $crate::semantics::x87::environment::set_register_helper;
            X87LoadEnvironment32 => Fpu, $crate::semantics::x87::environment::load_environment_32_helper;
            FxsaveWord => Fpu, $crate::semantics::x87::state_image::fxsave_word_helper;
            FxrstorHeader => Fpu, $crate::semantics::x87::state_image::fxrstor_header_helper;
            X87InUse => Fpu, $crate::semantics::x87::xsave::in_use_helper;
            X87Reset => Fpu, $crate::semantics::x87::xsave::reset_helper;
            ExtendedControl => Fpu, $crate::semantics::x87::xsave::extended_control_helper;
            X87LoadEnvironment16 => Fpu, $crate::semantics::x87::environment::load_environment_16_helper;
        }
    };
}

/// Calls `$mac!` with every vector helper.
#[macro_export]
macro_rules! for_each_vec_helper {
    ($mac:ident) => {
        $mac! {
            PackedAddSigned8 => $crate::semantics::sse::integer::paddsb_helper;
            PackedAddSigned16 => $crate::semantics::sse::integer::paddsw_helper;
            PackedAddUnsigned8 => $crate::semantics::sse::integer::paddusb_helper;
            PackedAddUnsigned16 => $crate::semantics::sse::integer::paddusw_helper;
            PackedSubSigned8 => $crate::semantics::sse::integer::psubsb_helper;
            PackedSubSigned16 => $crate::semantics::sse::integer::psubsw_helper;
            PackedSubUnsigned8 => $crate::semantics::sse::integer::psubusb_helper;
            PackedSubUnsigned16 => $crate::semantics::sse::integer::psubusw_helper;
            PackedMultiplyLow16 => $crate::semantics::sse::integer::pmullw_helper;
            PackedMultiplyHigh16 => $crate::semantics::sse::integer::pmulhw_helper;
            PackedMultiplyHighUnsigned16 => $crate::semantics::sse::integer::pmulhuw_helper;
            PackedMultiplyAdd16 => $crate::semantics::sse::integer::pmaddwd_helper;
            PackedAverage8 => $crate::semantics::sse::integer::pavgb_helper;
            PackedAverage16 => $crate::semantics::sse::integer::pavgw_helper;
            PackedSumOfDifferences8 => $crate::semantics::sse::integer::psadbw_helper;
            PackSigned16 => $crate::semantics::sse::integer::packsswb_helper;
            PackSigned32 => $crate::semantics::sse::integer::packssdw_helper;
            PackUnsigned16 => $crate::semantics::sse::integer::packuswb_helper;
            PackedShiftLeft16 => $crate::semantics::sse::integer::psllw_helper;
            PackedShiftLeft32 => $crate::semantics::sse::integer::pslld_helper;
            PackedShiftLeft64 => $crate::semantics::sse::integer::psllq_helper;
            PackedShiftRight16 => $crate::semantics::sse::integer::psrlw_helper;
            PackedShiftRight32 => $crate::semantics::sse::integer::psrld_helper;
            PackedShiftRight64 => $crate::semantics::sse::integer::psrlq_helper;
            PackedShiftArithmetic16 => $crate::semantics::sse::integer::psraw_helper;
            PackedShiftArithmetic32 => $crate::semantics::sse::integer::psrad_helper;
            AddF32 => $crate::semantics::sse::arith::add_f32_helper;
            AddF64 => $crate::semantics::sse::arith::add_f64_helper;
            SubF32 => $crate::semantics::sse::arith::sub_f32_helper;
            SubF64 => $crate::semantics::sse::arith::sub_f64_helper;
            MulF32 => $crate::semantics::sse::arith::mul_f32_helper;
            MulF64 => $crate::semantics::sse::arith::mul_f64_helper;
            DivF32 => $crate::semantics::sse::arith::div_f32_helper;
            DivF64 => $crate::semantics::sse::arith::div_f64_helper;
            MinF32 => $crate::semantics::sse::arith::min_f32_helper;
            MinF64 => $crate::semantics::sse::arith::min_f64_helper;
            MaxF32 => $crate::semantics::sse::arith::max_f32_helper;
            MaxF64 => $crate::semantics::sse::arith::max_f64_helper;
            SqrtF32 => $crate::semantics::sse::arith::sqrt_f32_helper;
            SqrtF64 => $crate::semantics::sse::arith::sqrt_f64_helper;
            ReciprocalF32 => $crate::semantics::sse::arith::reciprocal_f32_helper;
            ReciprocalRootF32 => $crate::semantics::sse::arith::reciprocal_root_f32_helper;
            CompareF32 => $crate::semantics::sse::compare::compare_f32_helper;
            CompareF64 => $crate::semantics::sse::compare::compare_f64_helper;
            OrderF32 => $crate::semantics::sse::compare::order_f32_helper;
            OrderF64 => $crate::semantics::sse::compare::order_f64_helper;
            UnorderedF32 => $crate::semantics::sse::compare::unordered_f32_helper;
            UnorderedF64 => $crate::semantics::sse::compare::unordered_f64_helper;
            F32ToF64 => $crate::semantics::sse::convert::f32_to_f64_helper;
            F64ToF32 => $crate::semantics::sse::convert::f64_to_f32_helper;
            I32ToF32 => $crate::semantics::sse::convert::i32_to_f32_helper;
            I32ToF64 => $crate::semantics::sse::convert::i32_to_f64_helper;
            F32ToI32 => $crate::semantics::sse::convert::f32_to_i32_helper;
            F64ToI32 => $crate::semantics::sse::convert::f64_to_i32_helper;
            PackUnsigned32 => $crate::semantics::sse::sse41::packusdw_helper;
            PackedMultiplyLow32 => $crate::semantics::sse::sse41::pmulld_helper;
            PackedMinimum16 => $crate::semantics::sse::sse41::phminposuw_helper;
            PackedSumsOfDifferences8 => $crate::semantics::sse::sse41::mpsadbw_helper;
            PackedShuffle8 => $crate::semantics::sse::ssse3::pshufb_helper;
            PackedMultiplyAdd8 => $crate::semantics::sse::ssse3::pmaddubsw_helper;
            PackedMultiplyRounded16 => $crate::semantics::sse::ssse3::pmulhrsw_helper;
            AddSubF32 => $crate::semantics::sse::horizontal::addsub_f32_helper;
            AddSubF64 => $crate::semantics::sse::horizontal::addsub_f64_helper;
            RoundF32 => $crate::semantics::sse::round::round_f32_helper;
            RoundF64 => $crate::semantics::sse::round::round_f64_helper;
            DotF32 => $crate::semantics::sse::round::dot_f32_helper;
            DotF64 => $crate::semantics::sse::round::dot_f64_helper;
            AesEncrypt => $crate::semantics::sse::crypto::aes_encrypt_helper;
            AesEncryptLast => $crate::semantics::sse::crypto::aes_encrypt_last_helper;
            AesDecrypt => $crate::semantics::sse::crypto::aes_decrypt_helper;
            AesDecryptLast => $crate::semantics::sse::crypto::aes_decrypt_last_helper;
            AesUnmix => $crate::semantics::sse::crypto::aes_unmix_helper;
            AesKeyAssist => $crate::semantics::sse::crypto::aes_key_assist_helper;
            CarrylessProduct => $crate::semantics::sse::crypto::carryless_product_helper;
            FieldProduct => $crate::semantics::sse::crypto::field_product_helper;
            FieldAffine => $crate::semantics::sse::crypto::field_affine_helper;
            FieldAffineInverse => $crate::semantics::sse::crypto::field_affine_inverse_helper;
            Sha1Rounds => $crate::semantics::sse::crypto::sha1_rounds_helper;
            Sha1NextE => $crate::semantics::sse::crypto::sha1_next_e_helper;
            Sha1Message1 => $crate::semantics::sse::crypto::sha1_message_1_helper;
            Sha1Message2 => $crate::semantics::sse::crypto::sha1_message_2_helper;
            Sha256Rounds => $crate::semantics::sse::crypto::sha256_rounds_helper;
            Sha256Message1 => $crate::semantics::sse::crypto::sha256_message_1_helper;
            Sha256Message2 => $crate::semantics::sse::crypto::sha256_message_2_helper;
        }
    };
}

macro_rules! helpers {
    ($($name:ident => $scope:ident, $function:path;)*) => {
        /// A scalar helper.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "each is documented at its function")]
        pub enum Helper { $($name),* }

        impl Helper {
            /// Every helper, in table order.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            /// Its function.
            #[must_use]
            pub fn function(self) -> HelperFn {
                match self { $(Self::$name => $function),* }
            }
            /// What it touches.
            #[must_use]
            pub const fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$scope),* }
            }
        }
    };
}
for_each_helper!(helpers);

macro_rules! vec_helpers {
    ($($name:ident => $function:path;)*) => {
        /// A vector helper.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "each is documented at its function")]
        pub enum VecHelper { $($name),* }

        impl VecHelper {
            /// Every vector helper, in table order.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            /// Its function.
            #[must_use]
            pub fn function(self) -> VecHelperFn {
                match self { $(Self::$name => $function),* }
            }
            /// Calls it: the result, and whether it raised an exception that MXCSR does not mask (#XM). A helper
            /// reports exceptions by setting their sticky flags in MXCSR; flags that were set before do not count.
            #[must_use]
            pub fn call(self, cpu: &mut CpuState, a: u128, b: u128, imm: u32) -> (u128, bool) {
                const FLAGS: u32 = 0x3f;
                let before = cpu.mxcsr;
                cpu.mxcsr &= !FLAGS;
                let result = self.function()(cpu, a, b, imm);
                let raised = cpu.mxcsr & FLAGS;
                cpu.mxcsr |= before & FLAGS;
                (result, raised & !(before >> 7) != 0)
            }
        }
    };
}
for_each_vec_helper!(vec_helpers);

/// What a vector helper computes from the lowest elements of its operands, where IEEE 754 says it; binary32 or binary64
/// by its width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ieee {
    /// An operation; the other elements are the first operand's.
    Arithmetic(Arithmetic, Width),
    /// EFLAGS for the relation between the two, in the lowest 32 bits of the result.
    Compare(Width),
    /// The second operand's 32-bit integer in a binary64; the other elements are the first operand's.
    FromInteger,
    /// The second operand towards zero, as a 32-bit integer; the other elements are the first operand's.
    ToInteger(Width),
}

/// An operation of IEEE 754. The square root is the second operand's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the usual five")]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Sqrt,
}

impl VecHelper {
    /// See [`Ieee`]; `None` for everything else.
    #[must_use]
    pub const fn ieee(self, imm: u32) -> Option<Ieee> {
        use Arithmetic::{Add, Div, Mul, Sqrt, Sub};
        use Width::{B32, B64};
        let operation = match self {
            Self::OrderF32 | Self::UnorderedF32 => return Some(Ieee::Compare(B32)),
            Self::OrderF64 | Self::UnorderedF64 => return Some(Ieee::Compare(B64)),
            Self::AddF32 => Ieee::Arithmetic(Add, B32),
            Self::AddF64 => Ieee::Arithmetic(Add, B64),
            Self::SubF32 => Ieee::Arithmetic(Sub, B32),
            Self::SubF64 => Ieee::Arithmetic(Sub, B64),
            Self::MulF32 => Ieee::Arithmetic(Mul, B32),
            Self::MulF64 => Ieee::Arithmetic(Mul, B64),
            Self::DivF32 => Ieee::Arithmetic(Div, B32),
            Self::DivF64 => Ieee::Arithmetic(Div, B64),
            Self::SqrtF32 => Ieee::Arithmetic(Sqrt, B32),
            Self::SqrtF64 => Ieee::Arithmetic(Sqrt, B64),
            Self::I32ToF64 => Ieee::FromInteger,
            Self::F32ToI32 if float::is_truncating(imm) => Ieee::ToInteger(B32),
            Self::F64ToI32 if float::is_truncating(imm) => Ieee::ToInteger(B64),
            _ => return None,
        };
        if float::is_scalar(imm) { Some(operation) } else { None }
    }
}
