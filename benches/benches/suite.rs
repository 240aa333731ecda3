//! The operations of the table under criterion, to watch them over time; peers and raw calls are in the table alone.

use std::time::Instant;

use aims_benches::row::Work;
use aims_benches::rows;
use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, work) in rows::all() {
        let Work::Paired(row) = work else { continue };
        // Made only when it is measured: some take long to set up.
        let mut made = None;
        criterion.bench_function(name, |bencher| {
            let row = made.get_or_insert_with(row);
            bencher.iter_custom(|calls| {
                let began = Instant::now();
                for _ in 0..calls {
                    (row.ours)();
                }
                began.elapsed() / row.per_call
            });
        });
    }
    criterion.final_summary();
}
