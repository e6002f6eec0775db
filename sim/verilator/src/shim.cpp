// Joins one verilated design to a C interface that is the same for every design.
//
// Pins cross in two arrays of 64-bit words, one for inputs and one for outputs: a port takes ceil(width / 64)
// words, least significant first, in the order in which the ports were declared. "ports.inc" lists them:
//
//   PAGEWALK_INPUTS(X)   X(member, first word, width in bits) for every input but the clock
//   PAGEWALK_OUTPUTS(X)  the same for outputs
//   PAGEWALK_CLOCK(X)    the same for the input `clock`, or nothing
//
// No exception leaves this file. A fatal error of the simulation (a combinational loop that does not settle,
// $stop, $fatal) ends the model's life: every later call fails with the same message.

#include "Vmodel.h"
#include "verilated.h"
#if defined(PAGEWALK_TRACE_FST)
#include "verilated_fst_c.h"
using Trace = VerilatedFstC;
#elif defined(PAGEWALK_TRACE_VCD)
#include "verilated_vcd_c.h"
using Trace = VerilatedVcdC;
#endif
#include "ports.inc"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#define PAGEWALK_API extern "C" __attribute__((visibility("default")))
#define PAGEWALK_INLINE inline __attribute__((always_inline))

// Verilator's own versions of these print and abort the process.
void vl_finish(const char*, int, const char*) { Verilated::threadContextp()->gotFinish(true); }
void vl_stop(const char* file, int line, const char*) {
    throw std::runtime_error("$stop at " + std::string(file) + ":" + std::to_string(line));
}
void vl_fatal(const char* file, int line, const char*, const char* message) {
    throw std::runtime_error(std::string(message) + " (" + file + ":" + std::to_string(line) + ")");
}

namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;

struct Instance {
    VerilatedContext context;
    std::unique_ptr<Vmodel> model;
    std::string error;
    bool failed = false;
#if defined(PAGEWALK_TRACING)
    std::unique_ptr<Trace> trace;
#endif

    // Initial values may fail to settle like any others: such an instance exists, but has failed.
    void start(uint32_t seed) {
        if (seed != 0) {
            context.randReset(2);
            context.randSeed(static_cast<int>(seed));
        }
#if defined(PAGEWALK_TRACING)
        context.traceEverOn(true);
#endif
        model.reset(new Vmodel{&context, "TOP"});
        // Initial values, and the clock seen low: without it the first rising edge would be none.
        model->eval();
    }

    ~Instance() {
#if defined(PAGEWALK_TRACING)
        if (trace) trace->close();
#endif
        if (model && !failed) model->final();
    }
};

constexpr uint64_t mask(int width) { return width >= 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1; }

// Verilator requires that the bits of a pin above its width are zero.
template <int width, typename Pin>
PAGEWALK_INLINE void drive(Pin& pin, const uint64_t* words) {
    static_assert(width <= 8 * sizeof(Pin), "the port is wider than its pin");
    pin = static_cast<Pin>(words[0] & mask(width));
}

template <int width, std::size_t parts>
PAGEWALK_INLINE void drive(VlWide<parts>& pin, const uint64_t* words) {
    static_assert(parts == (width + 31) / 32, "the port and its pin differ in width");
    for (std::size_t i = 0; i < parts; ++i) {
        pin[i] = static_cast<EData>(words[i / 2] >> (i % 2 * 32));
    }
    if (width % 32) pin[parts - 1] &= static_cast<EData>(mask(width % 32));
}

template <int width, typename Pin>
PAGEWALK_INLINE void sample(const Pin& pin, uint64_t* words) {
    static_assert(width <= 8 * sizeof(Pin), "the port is wider than its pin");
    words[0] = pin;
}

template <int width, std::size_t parts>
PAGEWALK_INLINE void sample(const VlWide<parts>& pin, uint64_t* words) {
    static_assert(parts == (width + 31) / 32, "the port and its pin differ in width");
    for (std::size_t i = 0; i < parts; i += 2) {
        const uint64_t high = i + 1 < parts ? pin[i + 1] : 0;
        words[i / 2] = high << 32 | pin[i];
    }
}

#define DRIVE(member, word, width) drive<width>(model.member, in + (word));
#define SAMPLE(member, word, width) sample<width>(model.member, out + (word));
#define SET_LOW(member, word, width) model.member = 0;
#define SET_HIGH(member, word, width) model.member = 1;

PAGEWALK_INLINE void drive_inputs(Vmodel& model, const uint64_t* in) {
    (void)in;
    PAGEWALK_INPUTS(DRIVE)
}
PAGEWALK_INLINE void sample_outputs(const Vmodel& model, uint64_t* out) {
    (void)out;
    PAGEWALK_OUTPUTS(SAMPLE)
}
PAGEWALK_INLINE void drive_clock(Vmodel& model, const uint64_t* in) {
    (void)in;
    PAGEWALK_CLOCK(DRIVE)
}
PAGEWALK_INLINE void clock_low(Vmodel& model) { PAGEWALK_CLOCK(SET_LOW) }
PAGEWALK_INLINE void clock_high(Vmodel& model) { PAGEWALK_CLOCK(SET_HIGH) }

// Runs one step of an instance's life unless it has failed before.
template <typename Step>
PAGEWALK_INLINE int attempt(Instance& instance, Step step) {
    if (__builtin_expect(instance.failed, 0)) return kFailed;
    try {
        step(instance);
        return kOk;
    } catch (const std::exception& exception) {
        instance.error = exception.what();
    } catch (...) {
        instance.error = "unknown exception";
    }
    instance.failed = true;
    return kFailed;
}

// The same for a step that only needs the model.
template <typename Step>
PAGEWALK_INLINE int guarded(void* handle, Step step) {
    return attempt(*static_cast<Instance*>(handle), [step](Instance& instance) { step(*instance.model); });
}

}  // namespace

// The version of this interface.
PAGEWALK_API uint32_t pagewalk_abi() { return PAGEWALK_ABI; }

// Words that `in` and `out` must have.
PAGEWALK_API uint32_t pagewalk_input_words() { return PAGEWALK_INPUT_WORDS; }
PAGEWALK_API uint32_t pagewalk_output_words() { return PAGEWALK_OUTPUT_WORDS; }

// A new model, evaluated once with all inputs zero, or null if there is no memory. `pagewalk_error` is not empty
// if that evaluation failed. A seed other than 0 draws what the Verilog does not initialise, if the model was built
// for that.
PAGEWALK_API void* pagewalk_new(uint32_t seed) {
    try {
        Instance* instance = new Instance;
        attempt(*instance, [seed](Instance& fresh) { fresh.start(seed); });
        return instance;
    } catch (...) {
        return nullptr;
    }
}

PAGEWALK_API void pagewalk_free(void* handle) {
    try {
        delete static_cast<Instance*>(handle);
    } catch (...) {
    }
}

// Why a call failed, empty if none did; valid until the next call.
PAGEWALK_API const char* pagewalk_error(void* handle) { return static_cast<Instance*>(handle)->error.c_str(); }

// Drives all inputs, the clock among them, evaluates, samples the outputs.
PAGEWALK_API int pagewalk_eval(void* handle, const uint64_t* in, uint64_t* out) {
    return guarded(handle, [=](Vmodel& model) {
        drive_inputs(model, in);
        drive_clock(model, in);
        model.eval();
        sample_outputs(model, out);
    });
}

// The low half of a cycle: what the outputs are, given these inputs, before the next rising edge.
PAGEWALK_API int pagewalk_half_low(void* handle, const uint64_t* in, uint64_t* out) {
    return guarded(handle, [=](Vmodel& model) {
        drive_inputs(model, in);
        clock_low(model);
        model.eval();
        sample_outputs(model, out);
    });
}

// The rising edge: registers take their next values, given these inputs.
PAGEWALK_API int pagewalk_rise(void* handle, const uint64_t* in) {
    return guarded(handle, [=](Vmodel& model) {
        drive_inputs(model, in);
        clock_high(model);
        model.eval();
    });
}

// The rising edge and the low half after it, with the same inputs.
PAGEWALK_API int pagewalk_cycle(void* handle, const uint64_t* in, uint64_t* out) {
    return guarded(handle, [=](Vmodel& model) {
        drive_inputs(model, in);
        clock_high(model);
        model.eval();
        clock_low(model);
        model.eval();
        sample_outputs(model, out);
    });
}

#if defined(PAGEWALK_TRACING)

// Writes a waveform to a new file from now on.
PAGEWALK_API int pagewalk_trace_open(void* handle, const char* path) {
    return attempt(*static_cast<Instance*>(handle), [path](Instance& instance) {
        if (!instance.trace) {
            instance.trace.reset(new Trace);
            instance.model->trace(instance.trace.get(), 99);
        }
        instance.trace->open(path);
        if (!instance.trace->isOpen()) throw std::runtime_error("the waveform file cannot be opened");
    });
}

// Adds the present values to the waveform, at a time later than the last one.
PAGEWALK_API int pagewalk_trace_dump(void* handle, uint64_t time) {
    return attempt(*static_cast<Instance*>(handle), [time](Instance& instance) {
        if (instance.trace) instance.trace->dump(time);
    });
}

PAGEWALK_API int pagewalk_trace_close(void* handle) {
    return attempt(*static_cast<Instance*>(handle), [](Instance& instance) {
        if (instance.trace) instance.trace->close();
    });
}

#endif
