/** Where the nodes of the cluster graph stand. */
import type { FrameLocator, Page } from 'playwright-core';
import { expect } from 'vitest';

/** Each node's name and place, as they are now. */
export async function placesOf(graph: Page | FrameLocator): Promise<readonly string[]> {
  return graph
    .locator('[role="option"]')
    .evaluateAll((all) =>
      all.map((each) => `${each.getAttribute('data-node') ?? ''} ${each.getAttribute('transform') ?? ''}`),
    );
}

/** The same, once they stand still: nodes glide to their places, and are there when ten looks in a row find them so. */
export async function settledPlacesOf(graph: Page | FrameLocator): Promise<readonly string[]> {
  const looks: string[] = [];
  const look = async () => looks.unshift((await placesOf(graph)).join()) > 10 && new Set(looks.slice(0, 10)).size;
  await expect.poll(look, { interval: 100 }).toBe(1);
  return placesOf(graph);
}
