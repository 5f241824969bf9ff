//! What CPUID offers is what there is: the guest's processor profiles against the table of instructions.

#[cfg(test)]
mod tests {
    use crate::generate::absent;
    use frontend_x86::cpuid::{Profile, announced};
    use frontend_x86::table::{MNEMONICS, is_implemented};
    use iced_x86::{Code, CpuidFeature};

    /// The forms in 32-bit mode; WAIT before an x87 instruction is one of its own.
    fn forms() -> impl Iterator<Item = Code> {
        Code::values().filter(|c| {
            let op = c.op_code();
            op.is_instruction() && op.mode32() && !op.fwait()
        })
    }

    #[test]
    fn what_is_offered_is_implemented() {
        for code in forms() {
            let features = code.cpuid_features();
            let offered = Profile::Max.offers(code) && features.iter().any(|f| announced().any(|a| a == *f));
            // Some are of a feature that is announced and of one that is not.
            let whole = !absent(code) && !features.contains(&CpuidFeature::FPU387SL_ONLY);
            assert!(!offered || !whole || is_implemented(code.mnemonic()), "{code:?} {features:?}");
        }
    }

    #[test]
    fn what_is_implemented_is_offered() {
        for (mnemonic, _) in MNEMONICS {
            assert!(forms().any(|c| c.mnemonic() == *mnemonic && Profile::Max.offers(c)), "{mnemonic:?}");
        }
    }
}
