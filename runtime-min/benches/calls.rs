//! What it costs to cross between host and compiled code, with code of a few instructions.
//!
//! `host to wasm`: one call of an exported function that adds two numbers, its thunk included.
//! `wasm to host`: a compiled loop that calls a host function a thousand times; the time is for a
//! thousand calls.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod calls {
    use super::support::{TestModule, add, call_import_1000, func_type, load, store};
    use criterion::Criterion;
    use std::hint::black_box;
    use wamr_aot_loader::format::module::ImportKind;
    use wamr_runtime_min::{Linker, Val, ValType};

    pub fn host_to_wasm(criterion: &mut Criterion) {
        let mut store = store();
        let module = load(&TestModule::new().function("add", TestModule::BINARY, add()));
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        let add = instance.get_func(&store, "add").unwrap();
        let typed = add.typed::<(i32, i32), i32>(&store).unwrap();
        let mut group = criterion.benchmark_group("host to wasm");
        group.bench_function("typed", |bencher| {
            bencher.iter(|| typed.call(&mut store, black_box((1, 2))).unwrap());
        });
        group.bench_function("untyped", |bencher| {
            bencher.iter(|| {
                add.call(&mut store, black_box(&[Val::I32(1), Val::I32(2)]))
                    .unwrap()
            });
        });
        group.finish();
    }

    pub fn wasm_to_host(criterion: &mut Criterion) {
        let module = load(
            &TestModule::new()
                .import("host", "f", ImportKind::Func(TestModule::UNARY))
                .function("loop", TestModule::UNARY, call_import_1000()),
        );
        let mut group = criterion.benchmark_group("wasm to host, 1000 calls");
        let mut typed = Linker::new();
        typed
            .func_wrap("host", "f", |x: i32| black_box(x + 1))
            .unwrap();
        let mut untyped = Linker::new();
        let ty = func_type(&[ValType::I32], &[ValType::I32]);
        untyped
            .func("host", "f", ty, |_, arguments, results| {
                if let Val::I32(x) = arguments[0] {
                    results[0] = Val::I32(black_box(x + 1));
                }
                Ok(())
            })
            .unwrap();
        for (name, linker) in [("typed", typed), ("untyped", untyped)] {
            let mut store = store();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            let func = instance.get_func(&store, "loop").unwrap();
            let func = func.typed::<i32, i32>(&store).unwrap();
            assert_eq!(func.call(&mut store, 0).unwrap(), 1000);
            group.bench_function(name, |bencher| {
                bencher.iter(|| func.call(&mut store, black_box(0)).unwrap());
            });
        }
        group.finish();
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
criterion::criterion_group!(benches, calls::host_to_wasm, calls::wasm_to_host);
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
criterion::criterion_main!(benches);

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {}
