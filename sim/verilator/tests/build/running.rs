//! Pins, clocking and fatal errors of a running model.

use pagewalk_verilator::build::{BuildError, Port};
use pagewalk_verilator::ffi::{Library, ModelError};

use super::Bench;
use super::designs::{COUNTER, RING, STOPPER, WIDTHS, WIDTHS_PORTS, counter_ports};

/// The low and high words of a number of up to 128 bits.
fn words(value: u128) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

#[test]
fn a_counter_counts_across_words() {
    let Some(bench) = Bench::new() else { return };
    let mut model = bench.model(COUNTER, "counter", &counter_ports());
    let input = |name| model.input_index(name).unwrap();
    let (reset, enable, step) = (input("reset"), input("enable"), input("step"));
    let output = |name| model.output_index(name).unwrap();
    let (count, sum, odd) = (output("count"), output("sum"), output("odd"));
    assert_eq!(model.input_index("count"), None);
    assert_eq!(model.output_index("nothing"), None);

    let mask = (1u128 << 100) - 1;
    let step_value: u128 = 0x7_ffff_ffff_ffff_fff1;
    model.inputs_mut()[reset] = 1;
    model.half_low().unwrap();
    model.rise().unwrap();
    model.inputs_mut()[reset] = 0;
    model.inputs_mut()[enable] = 1;
    // Bits above the port's width must not reach the design.
    model.inputs_mut()[step..step + 2].copy_from_slice(&words(step_value | u128::MAX << 100));
    let mut expected: u128 = 0;
    for cycle in 0..1000 {
        model.half_low().unwrap();
        let outputs = model.outputs();
        assert_eq!(outputs[count..count + 2], words(expected), "count in cycle {cycle}");
        assert_eq!(outputs[sum..sum + 2], words(expected + step_value), "sum in cycle {cycle}");
        assert_eq!(outputs[odd], expected as u64 & 1);
        model.rise().unwrap();
        expected = (expected + step_value) & mask;
    }
    model.inputs_mut()[enable] = 0;
    model.cycle().unwrap();
    model.cycle().unwrap();
    assert_eq!(model.outputs()[count..count + 2], words(expected), "without enable it stands");
    model.inputs_mut()[enable] = 1;
    model.cycle().unwrap();
    assert_eq!(
        model.outputs()[count..count + 2],
        words((expected + step_value) & mask),
        "one cycle, one step"
    );
}

#[test]
fn eval_takes_the_clock_from_the_inputs() {
    let Some(bench) = Bench::new() else { return };
    let mut model = bench.model(COUNTER, "counter", &counter_ports());
    let [clock, enable, step] = ["clock", "enable", "step"].map(|name| model.input_index(name).unwrap());
    let count = model.output_index("count").unwrap();
    model.inputs_mut()[enable] = 1;
    model.inputs_mut()[step] = 3;
    for (level, expected) in [(1, 3), (1, 3), (0, 3), (1, 6), (0, 6), (0, 6)] {
        model.inputs_mut()[clock] = level;
        model.eval().unwrap();
        assert_eq!(model.outputs()[count], expected);
    }
}

#[test]
fn every_width_crosses_whole_and_under_its_own_name() {
    let Some(bench) = Bench::new() else { return };
    let inputs = WIDTHS_PORTS.iter().map(|&(name, _, width)| Port::input(name, width));
    let outputs = WIDTHS_PORTS.iter().map(|&(_, name, width)| Port::output(name, width));
    let mut model = bench.model(WIDTHS, "widths", &inputs.chain(outputs).collect::<Vec<_>>());
    // xorshift64, any seed but zero.
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..200 {
        for word in model.inputs_mut() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            *word = random;
        }
        model.eval().unwrap();
        let given = model.inputs_mut().to_vec();
        for (input, output, width) in WIDTHS_PORTS {
            let (from, to) = (model.input_index(input).unwrap(), model.output_index(output).unwrap());
            for word in 0..width.div_ceil(64) as usize {
                let bits = (width - 64 * word as u32).min(64);
                let mask = u64::MAX >> (64 - bits);
                assert_eq!(model.outputs()[to + word], !given[from + word] & mask, "{output}, word {word}");
            }
        }
    }
}

#[test]
fn models_of_one_library_are_independent_and_may_change_threads() {
    let Some(bench) = Bench::new() else { return };
    let built = bench.build(COUNTER, "counter", &counter_ports(), false).unwrap();
    let library = Library::load(&built).unwrap();
    drop(built);
    let models: Vec<_> = (1..=4).map(|step| (step, library.model().unwrap())).collect();
    drop(library);
    std::thread::scope(|scope| {
        for (step, mut model) in models {
            scope.spawn(move || {
                let (enable, at) = (model.input_index("enable").unwrap(), model.input_index("step").unwrap());
                model.inputs_mut()[enable] = 1;
                model.inputs_mut()[at] = step;
                (0..10_000).for_each(|_| model.cycle().unwrap());
                assert_eq!(model.outputs()[model.output_index("count").unwrap()], 10_000 * step);
            });
        }
    });
}

#[test]
fn a_loop_that_does_not_settle_ends_the_model_and_not_the_process() {
    let Some(bench) = Bench::new() else { return };
    let mut model = bench.model(RING, "ring", &[Port::input("run", 1), Port::output("y", 1)]);
    model.eval().unwrap();
    model.inputs_mut()[0] = 1;
    let Err(ModelError::Fatal { message }) = model.eval() else { panic!("a ring oscillator settled") };
    assert!(message.contains("converge"), "{message}");
    model.inputs_mut()[0] = 0;
    assert!(matches!(model.eval(), Err(ModelError::Fatal { message: again }) if again == message));
}

#[test]
fn initial_values_that_do_not_settle_are_an_error() {
    let Some(bench) = Bench::new() else { return };
    let inverted = RING.replace("run & ~b", "~run & ~b");
    let built =
        bench.build(&inverted, "ring", &[Port::input("run", 1), Port::output("y", 1)], false).unwrap();
    assert!(matches!(Library::load(&built).unwrap().model(), Err(ModelError::Fatal { .. })));
}

#[test]
fn stop_is_an_error_and_not_the_end_of_the_process() {
    let Some(bench) = Bench::new() else { return };
    let ports = [Port::input("clock", 1), Port::input("stop", 1), Port::output("seen", 1)];
    let mut model = bench.model(STOPPER, "stopper", &ports);
    model.cycle().unwrap();
    model.inputs_mut()[1] = 1;
    let Err(ModelError::Fatal { message }) = model.cycle() else { panic!("$stop did nothing") };
    assert!(message.contains("$stop at design.v:"), "{message}");
}

#[test]
fn ports_that_differ_from_the_verilog_are_named() {
    let Some(bench) = Bench::new() else { return };
    let refused = |change: fn(&mut Vec<Port>)| {
        let mut ports = counter_ports();
        change(&mut ports);
        bench.build(COUNTER, "counter", &ports, false).unwrap_err()
    };
    let error = refused(|ports| ports[3].width_bits = 99);
    assert!(matches!(error, BuildError::PortDiffers { .. }));
    assert_eq!(
        error.to_string(),
        "the port `step` of `counter` is an input of 100 bits in the Verilog but an input of 99 bits in the port table"
    );
    assert!(matches!(refused(|ports| drop(ports.pop())), BuildError::PortUnlisted { .. }));
    assert!(matches!(refused(|ports| ports.push(Port::input("x", 1))), BuildError::PortMissing { .. }));
}
