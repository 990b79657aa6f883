/** The mark: a container on its hook, above the water. */
export const Logo = ({ className = "size-6" }: { className?: string }) => (
  <svg viewBox="0 0 32 32" className={className} aria-hidden="true">
    <rect width="32" height="32" rx="8" fill="#0d6577" />
    <g fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round" strokeLinejoin="round">
      <path d="M16 5.5v6" />
      <rect x="8" y="11.5" width="16" height="7" rx="1.5" />
      <path d="M6 24.5c1.7 0 1.7 1.5 3.3 1.5s1.7-1.5 3.4-1.5 1.6 1.5 3.3 1.5 1.7-1.5 3.3-1.5 1.7 1.5 3.4 1.5 1.6-1.5 3.3-1.5" />
    </g>
  </svg>
);
