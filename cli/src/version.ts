/** Version of this package, as it is written into a bundle's manifest. */
export const cliVersion = "0.1.0";
