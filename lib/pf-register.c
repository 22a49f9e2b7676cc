// SPDX-License-Identifier: Apache-2.0
// Registers the profiler with a hub, and puts the process back to how it began.
#include "pf-register.h"
#include "pf-component-private.h"
#include "pf-errors.h"

#define NAME "profiler"

/**
 * pf_register_profiling:
 * @hub: (nullable): a hub; %NULL: that of the process
 * @config: (nullable): the configuration; %NULL: that of the environment
 * @error: return location for an error
 *
 * Makes a component and registers it with @hub as `profiler`.  It is disabled until
 * [method@ProfilingComponent.enable], unless the configuration says `enabled`.
 *
 * Where a profiler is registered already, nothing changes and @config is not looked at.
 *
 * Fails with %PF_PROFILING_ERROR_EXISTS when something else is registered under that name.
 *
 * Any thread may call this.
 *
 * Returns: (transfer none): the hub's profiler, or %NULL with @error set
 */
PfProfilingComponent *pf_register_profiling(PfHub *hub, PfProfilingConfig *config, GError **error) {
    g_return_val_if_fail(hub == NULL || PF_IS_HUB(hub), NULL);
    g_return_val_if_fail(config == NULL || PF_IS_PROFILING_CONFIG(config), NULL);
    hub = hub != NULL ? hub : pf_hub_get_default();
    GObject *found = pf_hub_get_component(hub, NAME);
    if (found == NULL) {
        g_autoptr(PfProfilingComponent) fresh = pf_profiling_component_new(config);
        // Where another thread was faster, the hub has its component and not ours.
        pf_hub_add_component(hub, NAME, G_OBJECT(fresh), NULL);
        found = pf_hub_get_component(hub, NAME);
    }
    if (!PF_IS_PROFILING_COMPONENT(found)) {
        g_set_error(error, PF_PROFILING_ERROR, PF_PROFILING_ERROR_EXISTS,
                    "\"" NAME "\" is registered already, and it is not a profiler");
        return NULL;
    }
    return PF_PROFILING_COMPONENT(found);
}

/**
 * pf_reset_profiling_state:
 *
 * Puts everything back to how the process began, for tests: the hub of the process is empty, and every
 * component that somebody still holds is disabled, its metrics at 0.
 *
 * Any thread may call this; what other threads register meanwhile may stay.
 */
void pf_reset_profiling_state(void) {
    pf_hub_clear(pf_hub_get_default());
    pf_profiling_component_reset_all();
}
