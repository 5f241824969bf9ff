//! Removes calls whose result nothing needs.
//!
//! INC and DEC name the old CF, which may have to be computed out of line; mostly nothing reads it. Cranelift keeps every call,
//! so those that only compute flags, and what only they were computed for, are taken out here.

use cranelift_codegen::ir::{Function, Inst, Value};
use std::collections::HashMap;

/// Removes those of `calls` whose results are used by nothing that has an effect.
pub(super) fn unneeded_calls(func: &mut Function, calls: &[Inst]) {
    let mut users: HashMap<Value, u32> = HashMap::new();
    let mut unused: Vec<Inst> = Vec::new();
    let blocks: Vec<_> = func.layout.blocks().collect();
    for &block in &blocks {
        for inst in func.layout.block_insts(block) {
            for v in func.dfg.inst_values(inst) {
                *users.entry(func.dfg.resolve_aliases(v)).or_default() += 1;
            }
        }
    }
    let removable = |func: &Function, inst: Inst| {
        let opcode = func.dfg.insts[inst].opcode();
        let pure = !(opcode.is_call()
            || opcode.is_terminator()
            || opcode.can_trap()
            || opcode.can_load()
            || opcode.can_store()
            || opcode.other_side_effects());
        pure || calls.contains(&inst)
    };
    for &block in &blocks {
        for inst in func.layout.block_insts(block) {
            let results = func.dfg.inst_results(inst);
            let needed = results.is_empty() || results.iter().any(|v| users.contains_key(v));
            if !needed && removable(func, inst) {
                unused.push(inst);
            }
        }
    }
    while let Some(inst) = unused.pop() {
        let args: Vec<Value> = func.dfg.inst_values(inst).map(|v| func.dfg.resolve_aliases(v)).collect();
        func.layout.remove_inst(inst);
        for v in args {
            let count = users.get_mut(&v).expect("every argument was counted");
            *count -= 1;
            if *count == 0
                && let Some(by) = func.dfg.value_def(v).inst()
                && func.dfg.inst_results(by).len() == 1
                && removable(func, by)
            {
                unused.push(by);
            }
        }
    }
}
