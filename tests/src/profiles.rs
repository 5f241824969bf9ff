//! What CPUID offers is what there is: the guest's processor profiles against the table of instructions.

#[cfg(test)]
mod tests {
    use frontend_x86::cpuid::{Profile, announced};
    use frontend_x86::table::{MNEMONICS, is_implemented};
    use iced_x86::Code;

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
            // Some are of a feature that is announced and of one that is not.
            let features = code.cpuid_features();
            let whole = features.iter().all(|f| announced().any(|a| a == *f));
            let offered = whole && Profile::Max.offers(code);
            assert!(!offered || is_implemented(code.mnemonic()), "{code:?} {features:?}");
        }
    }

    #[test]
    fn what_is_implemented_is_offered() {
        for (mnemonic, _) in MNEMONICS {
            assert!(forms().any(|c| c.mnemonic() == *mnemonic && Profile::Max.offers(c)), "{mnemonic:?}");
        }
    }
}
