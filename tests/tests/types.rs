//! The host and types of functions that are more than what they take and return: members of recursion groups, sub types.

use wamr_runtime_min::{
    Error, Extern, Func, Instance, LinkError, Linker, Module, Store, StoreConfig, Val,
};
use wamrc_rs::Options;

const LIBRARY: &str = r#"
(module
  (type $t0 (sub (func (result i32))))
  (type $t1 (sub $t0 (func (result i32))))
  (type $plain (func (result i32)))
  (func $f1 (export "f1") (type $t1) (i32.const 1))
  (func (export "plain") (type $plain) (i32.const 2))
  (table (export "table") 1 (ref null $t0))
  (global (export "global") (mut (ref null $t1)) (ref.func $f1))
  (global (export "none") (mut nullfuncref) (ref.null nofunc))
  (func (export "call") (param (ref $t0)) (result i32) (call_ref $t0 (local.get 0)))
  (func (export "element") (result i32) (call_indirect (type $t0) (i32.const 0))))
"#;

fn module(text: &str) -> Module {
    let object = wamrc_rs::compile(text.as_bytes(), &Options::default()).expect("it compiles");
    Module::load(&object.bytes).expect("it loads")
}

fn store() -> Store {
    Store::new(StoreConfig::default()).expect("a store")
}

fn library(store: &mut Store) -> Instance {
    let module = module(LIBRARY);
    Linker::new().instantiate(store, &module).expect("it links")
}

fn func(store: &Store, instance: Instance, name: &str) -> Func {
    instance.get_func(store, name).expect("the export")
}

#[test]
fn a_function_of_a_sub_type_is_one_of_the_super_type() {
    let mut store = store();
    let library = library(&mut store);
    let f1 = Val::FuncRef(Some(func(&store, library, "f1")));
    let plain = Val::FuncRef(Some(func(&store, library, "plain")));
    let null = Val::FuncRef(None);

    let call = func(&store, library, "call");
    assert_eq!(call.call(&mut store, &[f1]).expect("fits"), [Val::I32(1)]);
    for other in [plain, null] {
        let refused = call.call(&mut store, &[other]);
        assert!(matches!(refused, Err(Error::ArgumentType { index: 0, .. })));
    }

    let table = library.get_table(&store, "table").expect("the table");
    table.set(&mut store, 0, f1).expect("fits");
    let refused = table.set(&mut store, 0, plain);
    assert!(matches!(refused, Err(Error::Type { .. })), "{refused:?}");
    let element = func(&store, library, "element");
    assert_eq!(
        element.call(&mut store, &[]).expect("it is there"),
        [Val::I32(1)]
    );

    let global = library.get_global(&store, "global").expect("the global");
    global.set(&mut store, null).expect("fits");
    global.set(&mut store, f1).expect("fits");
    assert!(global.set(&mut store, plain).is_err());
    let none = library.get_global(&store, "none").expect("the global");
    none.set(&mut store, null).expect("fits");
    assert!(none.set(&mut store, f1).is_err());
    assert_eq!(none.get(&mut store), null);
}

#[test]
fn the_host_calls_any_function_by_what_it_takes_and_returns() {
    let mut store = store();
    let library = library(&mut store);
    for (name, result) in [("f1", 1), ("plain", 2)] {
        let func = func(&store, library, name);
        let typed = func.typed::<(), i32>(&store).expect("the same values");
        assert_eq!(typed.call(&mut store, ()).expect("it returns"), result);
    }
}

/// Links a module that imports `m` `f` with a type.
fn import(store: &mut Store, types: &str, item: impl Into<Extern>) -> Result<(), Error> {
    let module = module(&format!(
        "(module {types} (import \"m\" \"f\" (func (type $t))))"
    ));
    let mut linker = Linker::new();
    linker.define("m", "f", item)?;
    linker.instantiate(store, &module).map(drop)
}

#[test]
fn functions_of_the_host_are_final_and_alone() {
    let mut store = store();
    let host = Func::wrap(&mut store, || 3_i32);
    import(&mut store, "(type $t (func (result i32)))", host).expect("fits");
    for types in [
        "(type $t (sub (func (result i32))))",
        "(rec (type $t (func (result i32))) (type (func)))",
    ] {
        match import(&mut store, types, host) {
            Err(Error::Link(LinkError::IncompatibleImportType {
                expected, found, ..
            })) => {
                assert_eq!(expected, "function () -> (i32)");
                assert_eq!(
                    found,
                    "function () -> (i32) of another recursion group, finality or super type"
                );
            }
            other => panic!("{types}: {other:?}"),
        }
    }
}
