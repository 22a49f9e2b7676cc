// SPDX-License-Identifier: Apache-2.0
// Nothing: the fair other half of a comparison between two preloaded libraries.
int pf_empty;
