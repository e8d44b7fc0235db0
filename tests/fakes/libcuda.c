/* Stand-in for the CUDA driver: checks that each value arrives as the C prototype has it, and answers with known ones. */
#include <stddef.h>
#include <stdio.h>

typedef int Status;
typedef void *Handle;
static const Handle STREAM = (Handle)0x1234567890abULL, GRAPH = (Handle)0x42deadbeef00ULL, EXEC = (Handle)0x43deadbeef00ULL;
enum { INVALID_VALUE = 1 };

Status cuInit(unsigned flags) { return flags ? INVALID_VALUE : 0; }
Status cuDriverGetVersion(int *version) { *version = 12080; return 0; }
Status cuDeviceGet(int *device, int ordinal) { *device = 7 + ordinal; return 0; }
Status cuDeviceGetName(char *name, int size, int device) {
    if (size != 256 || device != 7) return INVALID_VALUE;
    snprintf(name, size, "Stand-in"); return 0;
}
Status cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 141ULL << 30; return device == 7 ? 0 : INVALID_VALUE; }
Status cuDeviceGetPCIBusId(char *bus, int size, int device) { snprintf(bus, size, "0000:1B:00.%d", device); return 0; }
Status cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : attribute * 1000; return device == 7 ? 0 : INVALID_VALUE;
}
Status cuGetErrorName(Status status, const char **name) { *name = status == INVALID_VALUE ? "CUDA_ERROR_INVALID_VALUE" : NULL; return 0; }
Status cuStreamBeginCapture_v2(Handle stream, int mode) { return stream == STREAM && mode == 2 ? 0 : INVALID_VALUE; }
Status cuStreamEndCapture(Handle stream, Handle *graph) { *graph = GRAPH; return stream == STREAM ? 0 : INVALID_VALUE; }
Status cuGraphInstantiateWithFlags(Handle *exec, Handle graph, unsigned long long flags) {
    *exec = EXEC; return graph == GRAPH && flags == 0 ? 0 : INVALID_VALUE;
}
static int launched, destroyed;
Status cuGraphDestroy(Handle graph) { return graph == GRAPH ? 0 : INVALID_VALUE; }
Status cuGraphLaunch(Handle exec, Handle stream) { launched++; return exec == EXEC && stream == STREAM ? 0 : INVALID_VALUE; }
Status cuGraphExecDestroy(Handle exec) { destroyed += exec == EXEC; return 0; }
int count_launched(void) { return launched; }
int count_destroyed(void) { return destroyed; }
