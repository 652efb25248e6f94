//! Atomic accesses that a target has no instructions for.

use wamrc_rs::{Error, Options, compile};

fn compile_for(target: &str, features: Option<&str>, access: &str) -> Result<(), Error> {
    let mut options = Options::default();
    options.target.target = Some(target.into());
    if let Some(features) = features {
        options.target.abi = Some("ilp32".into());
        options.target.cpu = Some("generic-rv32".into());
        options.target.features = Some(features.into());
    }
    let module = format!(
        r#"(module (memory 1) (func (export "f") (drop ({access}.atomic.load (i32.const 0)))))"#
    );
    compile(module.as_bytes(), &options).map(drop)
}

#[test]
fn what_would_be_a_call_of_a_library_is_refused_by_name_and_offset() {
    for target in ["x86_64", "aarch64", "riscv64"] {
        for access in ["i32", "i64"] {
            compile_for(target, None, access).expect("every width is there");
        }
    }
    compile_for("riscv32", Some("+m,+a,+c"), "i32").expect("32 bits are there");
    for (features, access, bits) in [("+m,+a,+c", "i64", 64), ("+m,+c,-a", "i32", 32)] {
        let error = compile_for("riscv32", Some(features), access).expect_err("refused");
        let Error::Unsupported { what, offset } = error else {
            panic!("{error}");
        };
        assert!(what.contains(&format!("{bits}-bit atomic")), "{what}");
        assert!(offset > 0);
    }
}
