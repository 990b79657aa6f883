/** How an agent's process ends when no restart mends why (EX_CONFIG): its supervisor should leave it ended. */
export const exitForGood = 78;
